"""Demonstrations: a LeRobotDataset in memory; rows, chunks, previous frames, augmentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic import ROLES, make_demos, write_demos

from saccade_training.config import AugmentConfig
from saccade_training.dataset import Demonstrations, Shift, colour_jitter


def test_rows_are_the_episodes_one_after_the_other(data: Demonstrations) -> None:
    assert (data.episodes, len(data)) == (4, 10 + 11 + 12 + 13)
    assert data.rows_of([1]).tolist() == list(range(10, 21))
    for e, demo in enumerate(make_demos(episodes=4, steps=10, size=32)):
        rows = data.rows_of([e])
        assert [c.name for c in data.cameras] == list(demo.frames)
        for frames, made in zip(data.frames, demo.frames.values(), strict=True):
            assert np.array_equal(frames[rows], made)
        assert np.array_equal(data.state[rows], demo.state)
        assert np.array_equal(data.action[rows], demo.action)


def test_joints_rate_and_roles_are_the_datasets(data: Demonstrations) -> None:
    assert data.joints[-1] == "gripper"
    assert data.rate_hz == 20
    assert {c.name: c.role for c in data.cameras} == ROLES
    assert {(c.width, c.height) for c in data.cameras} == {(32, 32)}


@pytest.mark.parametrize("episodes_a_file", [1, 3])
def test_the_first_episodes_can_be_chosen(data: Demonstrations, tmp_path: Path, episodes_a_file: int) -> None:
    folder = write_demos(tmp_path / "d", 4, steps=10, size=32, episodes_a_file=episodes_a_file)
    part = Demonstrations(folder, 2)
    assert (part.episodes, len(part)) == (2, 21)
    for frames, whole in zip(part.frames, data.frames, strict=True):
        assert torch.equal(frames, whole[:21])
    assert torch.equal(part.action, data.action[:21])


def test_batches_longer_than_what_is_decoded_at_a_time_are_read_whole(tmp_path: Path) -> None:
    folder = write_demos(tmp_path / "d", 2, steps=200, size=24)  # 401 rows: four batches of 128
    found, made = Demonstrations(folder), make_demos(2, steps=200, size=24)
    assert np.array_equal(found.frames[1], np.concatenate([m.frames["wrist_context"] for m in made]))
    assert np.array_equal(found.state, np.concatenate([m.state for m in made]))


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


def test_the_command_before_is_the_row_befores_action_and_at_the_start_the_state(
    data: Demonstrations,
) -> None:
    batch = data.batch(torch.tensor([0, 5, 10]), 4)
    assert batch.first.tolist() == [True, False, True]
    assert torch.equal(batch.command, torch.stack([data.state[0], data.action[4], data.state[10]]))


@pytest.mark.parametrize("length", [1, 4, 5, 11, 40])
def test_windows_cover_every_row_and_stay_in_their_episode(data: Demonstrations, length: int) -> None:
    starts = data.windows([1, 3], length)
    rows, exist = data.sequences(starts, length)
    assert set(rows[exist].tolist()) == set(data.rows_of([1, 3]).tolist())
    assert torch.equal(
        rows, torch.minimum(starts[:, None] + torch.arange(length), data.last[starts][:, None])
    )
    assert {10, 33} <= set(starts.tolist())  # each begins where its episode does
    assert exist.all() == (length <= 11)


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
