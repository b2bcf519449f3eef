"""Reading LeRobotDataset folders: ours and anyone else's, and refusals that name the file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from lerobot_writer import Demo, png, vectors, write_lerobot
from synthetic import JOINTS, ROLES, make_demos, write_demos

from saccade_training import video
from saccade_training.config import ConfigError
from saccade_training.dataset import Demonstrations

INFO, SACCADE, TASKS = "meta/info.json", "meta/saccade.json", "meta/tasks.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
DATA = "data/chunk-000/file-000.parquet"


def test_roles_may_come_from_the_config_and_choose_the_cameras(tmp_path: Path) -> None:
    demos = make_demos(episodes=2, steps=6, size=32)
    for demo in demos:
        demo.frames["side"] = demo.frames["head"]
    folder = write_lerobot(tmp_path / "theirs", demos, JOINTS)
    with pytest.raises(ConfigError, match=r"saccade.json does not exist: .* data.cameras"):
        Demonstrations(folder)
    data = Demonstrations(folder, None, ROLES)
    assert {c.name: c.role for c in data.cameras} == ROLES
    assert data.source.seeds == []
    with pytest.raises(ConfigError, match="cameras are wrist_detail, wrist_context, head, side"):
        Demonstrations(folder, None, {"top": "wrist_detail"})


def test_the_configs_roles_go_before_the_datasets(demos: Path) -> None:
    swapped = {"head": "wrist_detail", "wrist_context": "wrist_context", "wrist_detail": "global_overview"}
    assert {c.name: c.role for c in Demonstrations(demos, 1, swapped).cameras} == swapped


def test_features_the_policy_does_not_need_are_left_alone(tmp_path: Path) -> None:
    demos = make_demos(episodes=1, steps=6, size=32)
    demos[0].extra = {"next.reward": np.ones(6, np.float32), "next.success": np.zeros(6, bool)}
    assert len(Demonstrations(write_lerobot(tmp_path / "d", demos, JOINTS, ROLES))) == 6


def test_names_in_groups_and_a_single_joint_stored_as_a_number_are_read(tmp_path: Path) -> None:
    demos = make_demos(episodes=1, steps=6, size=32)
    one = [Demo(d.frames, d.state[:, :1], d.action[:, :1]) for d in demos]
    folder = write_lerobot(tmp_path / "d", one, ["slide"], ROLES)
    edit(folder / INFO, lambda i: i["features"]["action"].update(names={"motors": ["slide"]}))
    table = pq.read_table(folder / DATA)
    at = table.column_names.index("observation.state")
    number = pa.array(one[0].state[:, 0])
    pq.write_table(table.set_column(at, "observation.state", number), folder / DATA)
    data = Demonstrations(folder)
    assert data.joints == ["slide"]
    assert np.array_equal(data.state, one[0].state)


def test_the_datasets_hash_follows_its_episodes(tmp_path: Path) -> None:
    a, b, c = (
        Demonstrations(write_demos(tmp_path / name, 2, steps, 32)).source.sha256
        for name, steps in (("a", 5), ("b", 5), ("c", 6))
    )
    assert a == b != c


# -- video -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("episodes_a_file", [2, 10])
def test_videos_give_the_frames_of_their_rows(tmp_path: Path, episodes_a_file: int) -> None:
    pytest.importorskip("av")
    folder = write_demos(tmp_path / "d", 3, steps=9, size=64, videos=True, episodes_a_file=episodes_a_file)
    data = Demonstrations(folder)
    for found, name in zip(data.frames, ROLES, strict=True):
        made = np.concatenate([d.frames[name] for d in make_demos(3, steps=9, size=64)])
        assert found.shape == made.shape
        # lossy, but a frame of another row would be wrong by 100 and more where the square has moved
        assert np.abs(found.numpy().astype(int) - made).max() < 25
    part = Demonstrations(folder, 2)
    assert torch.equal(part.frames[0], data.frames[0][: 9 + 10])


def test_video_without_pyav_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av")
    folder = write_demos(tmp_path / "d", 1, steps=4, size=32, videos=True)
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(ConfigError, match=r"needs PyAV: pip install 'saccade-training\[video\]'"):
        Demonstrations(folder)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_bytes(b"junk" * 100), "cannot be read"),
        (lambda path: _shorten(path), "lacks 2 of its frames, the first at row 6"),
        (lambda path: _shorten(path, size=48), "is 48×48, info.json says 32×32"),
    ],
)
def test_spoilt_videos_are_refused_by_name(tmp_path: Path, spoil: Callable[[Path], Any], says: str) -> None:
    pytest.importorskip("av")
    folder = write_demos(tmp_path / "d", 1, steps=8, size=32, videos=True)
    path = folder / "videos/observation.images.head/chunk-000/file-000.mp4"
    spoil(path)
    with pytest.raises(ConfigError) as caught:
        Demonstrations(folder)
    assert str(caught.value).startswith(f"{path} ")
    assert says in str(caught.value)


def test_a_clip_that_begins_at_no_time_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("av")
    folder = write_demos(tmp_path / "d", 1, steps=8, size=32, videos=True)
    key = f"videos/{HEAD}/from_timestamp"
    column(EPISODES, key, lambda _: pa.array([float("nan")]))(folder)
    with pytest.raises(ConfigError, match=r"meta/episodes: episode 0 has a from_timestamp of nan"):
        Demonstrations(folder)


def _shorten(path: Path, size: int = 32) -> None:
    from lerobot_writer import write_video

    path.unlink()
    write_video(path, np.zeros((6, size, size, 3), np.uint8), 20)


def test_frames_are_found_by_their_time(tmp_path: Path) -> None:
    """Not by counting: a video may begin with frames of episodes that are not asked for."""
    pytest.importorskip("av")
    from lerobot_writer import write_video

    path = tmp_path / "v.mp4"
    write_video(path, np.stack([np.full((32, 32, 3), 20 * k, np.uint8) for k in range(10)]), 20)
    into = np.zeros((2, 32, 32, 3), np.uint8)
    video._read(path, {7: 0, 4: 1}, 20, into)
    assert np.abs(into[:, 0, 0, 0].astype(int) - [140, 80]).max() < 5


# -- refusals --------------------------------------------------------------------------------------


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def write(name: str, content: bytes) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_bytes(content)


def remove(name: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).unlink()


def json_with(name: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], Any]:
    return lambda folder: edit(folder / name, change)


def info(**values: Any) -> Callable[[Path], Any]:
    return json_with(INFO, lambda i: i.update(values))


def feature(key: str, **values: Any) -> Callable[[Path], Any]:
    return json_with(INFO, lambda i: i["features"][key].update(values))


def column(name: str, key: str, change: Callable[[pa.ChunkedArray], Any]) -> Callable[[Path], Any]:
    """Replaces a column; a change to None drops it."""

    def spoil(folder: Path) -> None:
        table = pq.read_table(folder / name)
        at, new = table.column_names.index(key), change(table.column(key))
        table = table.remove_column(at) if new is None else table.set_column(at, key, new)
        pq.write_table(table, folder / name)

    return spoil


def image(key: str, row: int, content: bytes | None) -> Callable[[Path], Any]:
    def change(old: pa.ChunkedArray) -> pa.Array:
        images = old.to_pylist()
        images[row]["bytes"] = content
        return pa.array(images, type=old.type)

    return column(DATA, key, change)


def state(values: np.ndarray) -> Callable[[Path], Any]:
    return column(DATA, "observation.state", lambda _: vectors(values))


def cut(folder: Path) -> None:
    pq.write_table(pq.read_table(folder / DATA).slice(0, 30), folder / DATA)


def half(folder: Path) -> None:
    content = (folder / DATA).read_bytes()
    (folder / DATA).write_bytes(content[: len(content) // 2])


HEAD = "observation.images.head"
NAN = np.full((46, 7), np.nan)
GREY = png(np.zeros((32, 32), np.uint8))
WIDE = png(np.zeros((32, 33, 3), np.uint8))


@pytest.mark.parametrize(
    ("spoil", "file", "says"),
    [
        (remove(INFO), INFO, "does not exist: give --data the folder of a LeRobotDataset"),
        (write(INFO, b"{"), INFO, "JSON"),
        (write(INFO, b"[]"), INFO, "no codebase_version"),
        (info(codebase_version="v2.1"), INFO, "codebase_version v2.1, only v3"),
        (info(fps=0), INFO, "fps 0"),
        (info(fps="x"), INFO, "is malformed"),
        (info(features=None), INFO, "is malformed"),
        (info(data_path="data/{chunk}.parquet"), INFO, "data_path is 'data/{chunk}.parquet', which is no"),
        (info(total_episodes=5), "meta/episodes", "lists 4 episodes, info.json says 5"),
        (json_with(INFO, lambda i: i["features"].pop("action")), INFO, "no feature action"),
        (json_with(INFO, lambda i: i["features"].pop(HEAD)), INFO, f"no feature {HEAD}"),
        (feature("observation.state", names=None), INFO, "one name for each joint"),
        (feature("action", dtype="float64"), INFO, "float64"),
        (feature("action", names=[f"j{i}" for i in range(7)]), INFO, "other joints for action"),
        (feature(HEAD, shape=[3, 32, 32]), INFO, "[height, width, 3]"),
        (feature(HEAD, shape=[64, 64, 3]), DATA, f"{HEAD} of row 0 cannot be read (it is RGB 32×32"),
        (write(SACCADE, b"{"), SACCADE, "JSON"),
        (
            json_with(SACCADE, lambda s: s.update(version=2)),
            SACCADE,
            "expected saccade-dataset-info version 1",
        ),
        (json_with(SACCADE, lambda s: s.pop("cameras")), SACCADE, "'cameras'"),
        (json_with(SACCADE, lambda s: s["cameras"][0].update(role="top")), SACCADE, "the role 'top'"),
        (remove(EPISODES), "meta/episodes", "holds no parquet files"),
        (write(EPISODES, b"junk" * 50), EPISODES, "cannot be read"),
        (column(EPISODES, "length", lambda _: None), EPISODES, "no column length"),
        (
            column(EPISODES, "length", lambda c: pa.array([10, 11, 12, None])),
            "meta/episodes",
            "episode 3 has no",
        ),
        (
            column(EPISODES, "length", lambda c: pa.array([10, 12, 12, 13])),
            "meta/episodes",
            "episode 2 does not",
        ),
        (remove(TASKS), TASKS, "does not exist"),
        (column(TASKS, "__index_level_0__", lambda _: None), TASKS, "a column of texts"),
        (remove(DATA), DATA, "does not exist"),
        (write(DATA, b""), DATA, "cannot be read"),
        (write(DATA, b"junk" * 50), DATA, "cannot be read"),
        (half, DATA, "cannot be read"),
        (cut, DATA, "ends after 30 rows, its episodes have 46"),
        (column(DATA, "action", lambda _: None), DATA, "no column action"),
        (column(DATA, "index", lambda c: pa.array(range(1, 47))), DATA, "index does not count on from 0"),
        (column(DATA, HEAD, lambda c: pa.array(["x.png"] * 46)), DATA, "not images with their bytes"),
        (state(np.zeros((46, 6))), DATA, "info.json says float32 [7]"),
        (state(NAN), DATA, "NaN"),
        (
            column(DATA, "action", lambda c: c.cast(pa.list_(pa.float64()))),
            DATA,
            "info.json says float32 [7]",
        ),
        (image(HEAD, 12, None), DATA, f"{HEAD} of row 12 cannot be read (it has no bytes)"),
        (image(HEAD, 12, b"junk"), DATA, f"{HEAD} of row 12 cannot be read"),
        (image(HEAD, 12, WIDE[:60]), DATA, f"{HEAD} of row 12 cannot be read"),
        (image(HEAD, 12, GREY), DATA, "it is L 32×32, not RGB 32×32"),
        (image(HEAD, 12, WIDE), DATA, "it is RGB 33×32, not RGB 32×32"),
    ],
)
def test_spoilt_datasets_are_refused_by_name(
    demos: Path, tmp_path: Path, spoil: Callable[[Path], Any], file: str, says: str
) -> None:
    folder = tmp_path / "demos"
    shutil.copytree(demos, folder)
    spoil(folder)
    with pytest.raises(ConfigError) as caught:
        Demonstrations(folder)
    message = str(caught.value)
    assert message.startswith((f"{folder / file} ", f"{folder / file}: "))
    assert says in message
    assert "\n" not in message
