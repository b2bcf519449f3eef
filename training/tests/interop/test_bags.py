"""Bags of demos and rollouts in the Python readers `rosbags` and `mcap`: message for message the same."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

rosbags = pytest.importorskip("rosbags.highlevel", reason="rosbags is not installed: training[dev]")
mcap = pytest.importorskip("mcap.reader", reason="mcap is not installed: training[dev]")
pytest.importorskip("mcap_ros2.decoder", reason="mcap-ros2-support is not installed: training[dev]")

from support import ROBOT, Message, Saccade, read_with_mcap, stamp_ns, storage  # noqa: E402


@pytest.fixture(scope="module", params=["demos", "rollout"])
def bag(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)[0]


def read_with_rosbags(bag: Path) -> list[Message]:
    with rosbags.AnyReader([bag]) as reader:
        return [
            Message(c.topic, c.msgtype, time, reader.deserialize(raw, c.msgtype))
            for c, time, raw in reader.messages()
        ]


def plain(value: Any) -> Any:
    """Both readers' messages as dicts of numbers, texts and lists."""
    fields = getattr(value, "__dataclass_fields__", None) or getattr(value, "__slots__", None)
    if fields and not isinstance(value, np.ndarray):
        return {name: plain(getattr(value, name)) for name in fields if not name.startswith("__")}
    if isinstance(value, bytes | bytearray | memoryview):
        return list(bytes(value))
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def test_both_readers_give_the_same_messages(bag: Path) -> None:
    theirs, ours = read_with_rosbags(bag), list(read_with_mcap(bag))
    key = lambda m: (m.log_ns, m.topic)  # noqa: E731  the order within an instant is the reader's own
    assert len(theirs) == len(ours) > 100
    for a, b in zip(sorted(theirs, key=key), sorted(ours, key=key), strict=True):
        assert (a.topic, a.type, a.log_ns) == (b.topic, b.type, b.log_ns)
        assert plain(a.value) == plain(b.value)


def test_saccade_bag_info_counts_what_the_readers_count(bag: Path, saccade: Saccade) -> None:
    messages = list(read_with_mcap(bag))
    (info,) = saccade("bag", "info", bag)["bags"]
    counts = Counter((m.topic, m.type) for m in messages)
    assert {(t["name"], t["type"]): t["messages"] for t in info["topics"]} == counts
    assert info["messages"] == len(messages)
    assert info["damage"] is None
    times = [m.log_ns for m in messages]
    assert int(info["start_ns"]) == min(times)
    assert info["duration_s"] == pytest.approx((max(times) - min(times)) / 1e9)
    with rosbags.AnyReader([bag]) as reader:  # which reads metadata.yaml
        assert {(c.topic, c.msgtype): c.msgcount for c in reader.connections} == counts
        assert (reader.message_count, reader.start_time) == (len(messages), min(times))


def test_a_bag_says_what_it_is_a_recording_of(bag: Path, saccade: Saccade) -> None:
    with storage(bag).open("rb") as stream:
        reader = mcap.make_reader(stream, validate_crcs=True)
        assert reader.get_header().profile == "ros2"
        assert reader.get_header().library.startswith("saccade ")
        (record,) = [m for m in reader.iter_metadata() if m.name == "saccade"]
    info = json.loads(record.metadata["json"])
    assert info["contract"] == {"file": "sim_arm.yaml", "text": ROBOT.read_text()}
    assert info["seed"] in (300000, 300100)
    assert info["lockstep"] is True
    assert saccade("bag", "info", bag)["bags"][0]["episode"]["seed"] == info["seed"]


def test_times_are_the_lockstep_clocks(bag: Path) -> None:
    """Every image, joint state and command carries a multiple of the control period, each once."""
    stamps: dict[str, list[int]] = {}
    for message in read_with_mcap(bag):
        if hasattr(message.value, "header"):
            stamps.setdefault(message.topic, []).append(stamp_ns(message.value))
    assert len(stamps) >= 6
    for topic, found in stamps.items():
        if topic != "/saccade/chunk" and topic != "/diagnostics":
            assert found == [50_000_000 * k for k in range(len(found))], topic


def test_jpeg_images_decode_to_the_cameras_size(rollout: list[Path]) -> None:
    images = [m for m in read_with_mcap(rollout[0]) if m.type == "sensor_msgs/msg/CompressedImage"]
    assert {m.topic.split("/")[1] for m in images} == {"wrist_detail", "wrist_context", "head"}
    for message in images:
        assert "jpeg" in message.value.format
        with Image.open(io.BytesIO(bytes(message.value.data)), formats=("JPEG",)) as image:
            assert (image.size, image.mode) == ((96, 96), "RGB")
            assert np.asarray(image).std() > 5  # a picture, not a blank
