"""Inverse dynamics: (change embedding, task) → the action that made the change.

The embedding is the policy's own, M from the previous frame to the current one and P of the current one; the
action is that of the earlier row, relative to the state there, in the demonstrations' standard deviations.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .clips import draw_pairs
from .config import PretrainConfig
from .dataset import Demonstrations
from .mp import m_channels, p_channels
from .objective import Objective
from .two_stream import TwoStreamEncoder

TASK_DIM = 16


class InverseDynamics(Objective):
    mean: Tensor
    std: Tensor

    def __init__(
        self, encoder: TwoStreamEncoder, width: int, config: PretrainConfig, data: Demonstrations
    ) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder
        self.task = nn.Embedding(len(data.source.tasks), TASK_DIM)
        moves = data.action - data.state
        self.register_buffer("mean", moves.mean(dim=0))
        self.register_buffer("std", moves.std(dim=0).clamp_min(1e-3))
        patches = width if encoder.joins_map else 0
        self.head = nn.Sequential(
            nn.Linear(width + patches + TASK_DIM, 4 * width),
            nn.ReLU(),
            nn.Linear(4 * width, len(data.joints)),
        )

    def act(self, before: Tensor, now: Tensor, task: Tensor) -> Tensor:
        """Frames [B, 3, H, W] in [0, 1], task [B] → the action's move, [B, A], in standard deviations."""
        tokens, patches = self.encoder(m_channels(before, now), p_channels(now))
        seen = [tokens[:, 0]] + ([patches.mean(dim=(2, 3))] if patches is not None else [])
        return self.head(torch.cat([*seen, self.task(task)], dim=-1))

    def loss(self, data: Demonstrations, generator: torch.Generator, device: torch.device) -> Tensor:
        """Mean |error|, in standard deviations of the joints' moves."""
        before, now, rows = draw_pairs(data, self.config.batch, 1, generator)
        wanted = ((data.action - data.state)[rows].to(device) - self.mean) / self.std
        found = self.act(before.to(device), now.to(device), data.task[rows].to(device))
        return (found - wanted).abs().mean()
