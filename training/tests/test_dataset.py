"""Demonstrations: rows, chunks, previous frames, augmentation, and refusals that name the file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from saccade_training.config import AugmentConfig, ConfigError
from saccade_training.dataset import Demonstrations, Shift, colour_jitter


def test_rows_are_the_files_one_after_the_other(demos: Path, data: Demonstrations) -> None:
    assert (data.episodes, len(data)) == (4, 10 + 11 + 12 + 13)
    second = slice(10, 21)
    assert np.array_equal(data.frames[2][second], np.load(demos / "episode_000001" / "head.npy"))
    assert np.array_equal(data.state[second], np.load(demos / "episode_000001" / "state.npy"))
    assert data.rows_of([1]).tolist() == list(range(10, 21))


def test_the_first_episodes_can_be_chosen(demos: Path) -> None:
    assert len(Demonstrations(demos, slice(2))) == 21


def test_a_chunk_repeats_the_episodes_last_action_and_masks_it(data: Demonstrations) -> None:
    actions, valid = data.chunks(torch.tensor([8, 10]), 4)
    assert valid.tolist() == [[True, True, False, False], [True] * 4]
    assert torch.equal(actions[0], data.action[[8, 9, 9, 9]])
    assert torch.equal(actions[1], data.action[10:14])


def test_the_previous_frame_is_the_row_before_but_an_episodes_first_is_its_own(data: Demonstrations) -> None:
    batch = data.batch(torch.tensor([0, 5, 10]), 4)
    for frames, current, previous in zip(data.frames, batch.current, batch.previous, strict=True):
        assert torch.equal(current, frames[[0, 5, 10]])
        assert torch.equal(previous, frames[[0, 4, 10]])


def test_normalisation_leaves_out_the_padding(data: Demonstrations) -> None:
    relative = torch.tensor([1.0] * 6 + [0.0])
    n = data.normalisation(relative, 4, torch.arange(10))
    targets = [
        (data.action[r + k] - relative * data.state[r]).numpy()
        for r in range(10)
        for k in range(4)
        if r + k < 10
    ]
    assert np.allclose(n.target_mean, np.mean(targets, axis=0), atol=1e-6)
    assert np.allclose(n.target_std, np.std(targets, axis=0, ddof=1).clip(1e-3), atol=1e-5)
    assert torch.allclose(n.state_mean, data.state[:10].mean(0))


def test_a_joint_that_never_moves_does_not_divide_by_zero(demos: Path) -> None:
    data = Demonstrations(demos)
    data.state[:, 2] = 0.5
    n = data.normalisation(torch.zeros(7), 4, torch.arange(10))
    assert n.state_std[2] == pytest.approx(1e-3)


def test_a_shift_moves_both_frames_of_a_camera_alike_and_replicates_the_border(data: Demonstrations) -> None:
    rows = torch.tensor([3, 7, 20])
    shift = Shift(2, 3, len(rows), torch.Generator().manual_seed(4))
    assert len(set(shift.dx.flatten().tolist())) > 1
    for camera, frames in enumerate(data.frames):
        for at in (rows, rows - 1):
            found = shift(camera, frames, at)
            for i, row in enumerate(at.tolist()):
                dy, dx = int(shift.dy[camera, i]), int(shift.dx[camera, i])
                wide = np.pad(frames[row].numpy(), ((2, 2), (2, 2), (0, 0)), mode="edge")
                assert np.array_equal(found[i], wide[2 + dy : 34 + dy, 2 + dx : 34 + dx])


def test_colour_jitter_is_the_same_for_both_frames_of_a_camera_and_differs_between_samples() -> None:
    colour = colour_jitter(AugmentConfig(), 3, 4, torch.Generator().manual_seed(0))
    frame = torch.full((4, 3, 2, 2), 0.4)
    assert torch.equal(colour(1, frame), colour(1, frame.clone()))
    first_pixels = colour(1, frame)[:, 0, 0, 0]
    assert len(first_pixels.unique()) == 4
    assert not torch.equal(colour(0, frame), colour(1, frame))


def test_no_colour_jitter_leaves_a_frame_as_it_is() -> None:
    none = AugmentConfig(brightness=0, contrast=0, channel_gain=0)
    frame = torch.rand(4, 3, 2, 2)
    assert torch.equal(colour_jitter(none, 3, 4, torch.Generator())(0, frame), frame)


def change_meta(key: str, value: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "demos.json"
        meta = json.loads(path.read_text())
        if value is None:
            del meta[key]
        else:
            meta[key] = value
        path.write_text(json.dumps(meta))

    return change


def save(name: str, array: np.ndarray) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / "episode_000001" / name, array)


def write(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


NAN = np.full((11, 7), np.nan, dtype=np.float32)


@pytest.mark.parametrize(
    ("spoil", "file", "says"),
    [
        (lambda f: (f / "demos.json").unlink(), "demos.json", "does not exist: give --data"),
        (write("demos.json", b"{"), "demos.json", "JSON"),
        (write("demos.json", b"[]"), "demos.json", "saccade-demos version 1"),
        (change_meta("version", 2), "demos.json", "saccade-demos version 1"),
        (change_meta("joints", None), "demos.json", "'joints'"),
        (change_meta("episodes", []), "demos.json", "lists no episodes"),
        (lambda f: (f / "episode_000001/head.npy").unlink(), "episode_000001/head.npy", "cannot be read"),
        (write("episode_000001/state.npy", b""), "episode_000001/state.npy", "cannot be read"),
        (write("episode_000001/state.npy", b"junk" * 50), "episode_000001/state.npy", "cannot be read"),
        (save("state.npy", np.zeros((11, 6), np.float32)), "episode_000001/state.npy", "[11, 6]"),
        (save("action.npy", np.zeros((9, 7), np.float32)), "episode_000001/action.npy", "[9, 7]"),
        (save("action.npy", np.zeros((11, 7), np.float64)), "episode_000001/action.npy", "float64"),
        (save("head.npy", np.zeros((11, 32, 33, 3), np.uint8)), "episode_000001/head.npy", "33, 3"),
        (save("state.npy", NAN), "episode_000001/state.npy", "NaN"),
        (save("action.npy", NAN), "episode_000001/action.npy", "NaN"),
    ],
)
def test_spoilt_demonstrations_are_refused_by_name(
    demos: Path, tmp_path: Path, spoil: Callable[[Path], None], file: str, says: str
) -> None:
    folder = tmp_path / "demos"
    shutil.copytree(demos, folder)
    spoil(folder)
    with pytest.raises(ConfigError) as caught:
        Demonstrations(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder / file} ")
    assert says in message
    assert "\n" not in message
