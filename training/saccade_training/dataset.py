"""Demonstrations, read from a LeRobotDataset, in memory as uint8, and batches of them with augmentation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .config import AugmentConfig, ConfigError, Role
from .lerobot import AGAIN, LeRobotFolder
from .policy import Normalisation
from .rows import read_rows


@dataclass
class Batch:
    current: list[Tensor]  # per camera uint8 [B, H, W, 3]
    previous: list[Tensor]
    state: Tensor  # [B, J] raw
    actions: Tensor  # [B, K, A] raw; past an episode's end its last row repeated
    valid: Tensor  # [B, K] bool; false past the end
    command: Tensor  # [B, J] raw: the action of the row before; an episode's first row has its state
    first: Tensor  # [B] bool: the row begins its episode

    def to(self, device: torch.device) -> Batch:
        def send(x: Tensor) -> Tensor:
            return x.to(device, non_blocking=True)

        return Batch(
            [send(x) for x in self.current],
            [send(x) for x in self.previous],
            send(self.state),
            send(self.actions),
            send(self.valid),
            send(self.command),
            send(self.first),
        )


class Demonstrations:
    """All rows of the chosen episodes, one after the other. A row's previous frame is the row
    before it; an episode's first row is its own."""

    def __init__(
        self, folder: Path, episodes: int | None = None, roles: Mapping[str, Role] | None = None
    ) -> None:
        """The first `episodes` of a LeRobotDataset v3, or all. roles: camera → role, where the dataset itself
        does not say. Raises ConfigError."""
        self.source = LeRobotFolder(folder, roles)
        self.joints, self.rate_hz = self.source.joints, self.source.rate_hz
        self.cameras = [camera.spec for camera in self.source.cameras]
        chosen = self.source.episodes[:episodes]

        lengths = [episode.length for episode in chosen]
        rows, n = sum(lengths), len(self.joints)
        self.starts = np.cumsum([0, *lengths])
        self.frames = [torch.empty(rows, c.height, c.width, 3, dtype=torch.uint8) for c in self.cameras]
        self.state, self.action = torch.empty(rows, n), torch.empty(rows, n)
        self.task = torch.empty(rows, dtype=torch.int64)  # index into source.tasks
        into = [frames.numpy() for frames in self.frames]
        vectors = (self.state.numpy(), self.action.numpy(), self.task.numpy())
        read_rows(self.source.cameras, chosen, self.rate_hz, into, *vectors)
        unknown = self.task[(self.task < 0) | (self.task >= len(self.source.tasks))]
        if len(unknown):
            raise ConfigError(f"{folder}: task_index {int(unknown[0])} is not in meta/tasks.parquet: {AGAIN}")
        self.first = torch.from_numpy(np.repeat(self.starts[:-1], lengths))  # [rows] first row of the episode
        self.last = torch.from_numpy(np.repeat(self.starts[1:], lengths) - 1)

    def __len__(self) -> int:
        return len(self.state)

    @property
    def episodes(self) -> int:
        return len(self.starts) - 1

    def rows_of(self, episodes: Sequence[int]) -> Tensor:
        """The row numbers of these episodes."""
        return torch.cat([torch.arange(self.starts[e], self.starts[e + 1]) for e in episodes])

    def chunks(self, rows: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """actions [B, K, A] from each row on, and which of them exist, [B, K]."""
        wanted = rows[:, None] + torch.arange(length)
        last = self.last[rows][:, None]
        return self.action[torch.minimum(wanted, last)], wanted <= last

    def windows(self, episodes: Sequence[int], length: int) -> Tensor:
        """First rows of windows of `length` rows that cover these episodes, each window within one: evenly
        spread, from its first row on to its last. An episode that is shorter has one window, which runs past
        its end."""
        starts = []
        for e in episodes:
            first, end = int(self.starts[e]), int(self.starts[e + 1])
            count = -(-(end - first) // length)
            starts.append(torch.linspace(first, max(first, end - length), count).long())
        return torch.cat(starts)

    def sequences(self, starts: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """The rows of windows, [S, length], an episode's last row repeated, and which of them exist."""
        rows = starts[:, None] + torch.arange(length)
        last = self.last[starts][:, None]
        return torch.minimum(rows, last), rows <= last

    def batch(self, rows: Tensor, length: int, shift: Shift | None = None) -> Batch:
        before = torch.maximum(rows - 1, self.first[rows])
        begins = rows == self.first[rows]
        take = shift or (lambda _camera, frames, at: frames[at])
        actions, valid = self.chunks(rows, length)
        return Batch(
            [take(i, f, rows) for i, f in enumerate(self.frames)],
            [take(i, f, before) for i, f in enumerate(self.frames)],
            self.state[rows],
            actions,
            valid,
            torch.where(begins[:, None], self.state[rows], self.action[before]),
            begins,
        )

    def normalisation(self, relative: Tensor, chunk: int, rows: Tensor) -> Normalisation:
        """Means and deviations over the rows (training ones only); deviations have a floor."""
        state = self.state[rows]
        actions, valid = self.chunks(rows, chunk)
        target = (actions - (relative * state)[:, None])[valid]  # [valid steps, A]
        floor = 1e-3
        return Normalisation(
            state.mean(0), state.std(0).clamp_min(floor), target.mean(0), target.std(0).clamp_min(floor)
        )


class Shift:
    """Reads frames moved by up to ±pixels, the border replicated; both frames of a camera move alike."""

    def __init__(
        self, pixels: int, cameras: int, batch: int, generator: torch.Generator, pick: Tensor | None = None
    ) -> None:
        """pick: which of the batch's shifts each row gets; without it, row i gets the ith."""
        shifts = torch.randint(-pixels, pixels + 1, (2, cameras, batch), generator=generator)
        self.dx, self.dy = shifts if pick is None else shifts[:, :, pick]

    def __call__(self, camera: int, frames: Tensor, rows: Tensor) -> Tensor:
        _, height, width, _ = frames.shape
        dx, dy = self.dx[camera], self.dy[camera]
        # vertical: gather image rows, which are contiguous
        y = (torch.arange(height) + dy[:, None]).clamp(0, height - 1)  # [B, H]
        lines = frames.view(-1, width * 3).index_select(0, (rows[:, None] * height + y).flatten())
        image = lines.view(len(rows), height, width, 3)
        # horizontal: one copy for each distinct shift
        moved = torch.empty_like(image)
        for shift in dx.unique().tolist():
            here = dx == shift
            x = (torch.arange(width) + shift).clamp(0, width - 1)
            moved[here] = image[here].view(-1, height, width, 3).index_select(2, x)
        return moved


def colour_jitter(
    config: AugmentConfig, cameras: int, batch: int, generator: torch.Generator, pick: Tensor | None = None
) -> Callable[[int, Tensor], Tensor]:
    """Brightness, contrast and channel gains per sample and camera; both frames of a camera get the same.

    pick: as for Shift.
    """

    def uniform(size: float, channels: int) -> Tensor:
        drawn = (2 * torch.rand(cameras, batch, channels, 1, 1, generator=generator) - 1) * size
        return drawn if pick is None else drawn[:, pick]

    gain = (1 + uniform(config.contrast, 1)) * (1 + uniform(config.channel_gain, 3))
    offset = uniform(config.brightness, 1) + 0.5 * (1 - gain)  # contrast is about mid-grey

    def apply(camera: int, frame: Tensor) -> Tensor:
        moved = torch.addcmul(offset[camera].to(frame.device), frame, gain[camera].to(frame.device))
        return moved.clamp_(0, 1)

    return apply
