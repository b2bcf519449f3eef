"""Where things are, and a bag read with `mcap`, message by message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[3]
ROBOT = ROOT / "config/robots/sim_arm.yaml"

Saccade = Callable[..., Any]  # runs a command with --json, gives what it printed


@dataclass
class Message:
    topic: str
    type: str
    log_ns: int
    value: Any


def storage(bag: Path) -> Path:
    (file,) = bag.glob("*.mcap")
    return file


def read_with_mcap(bag: Path) -> Iterator[Message]:
    """In file order of their log time; checksums are verified."""
    from mcap.reader import make_reader
    from mcap_ros2.decoder import DecoderFactory

    with storage(bag).open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True, decoder_factories=[DecoderFactory()])
        for schema, channel, message, value in reader.iter_decoded_messages():
            assert (channel.message_encoding, schema.encoding) == ("cdr", "ros2msg")
            yield Message(channel.topic, schema.name, message.log_time, value)


def stamp_ns(value: Any) -> int:
    return value.header.stamp.sec * 10**9 + value.header.stamp.nanosec


def pixels(value: Any) -> np.ndarray:
    """uint8 [H, W, 3] of a raw rgb8 image."""
    assert (value.encoding, value.step) == ("rgb8", 3 * value.width)
    return np.frombuffer(bytes(value.data), np.uint8).reshape(value.height, value.width, 3)
