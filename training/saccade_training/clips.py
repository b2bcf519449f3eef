"""Pairs of frames out of demonstrations, for pre-training: one camera at a time, in [0, 1]."""

from __future__ import annotations

import torch
from torch import Tensor

from .dataset import Demonstrations


def draw_pairs(
    data: Demonstrations, count: int, ahead: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """`count` pairs of one camera's frames, the later one `ahead` rows after the earlier one, or as many as
    its episode still has. Returns both, [B, 3, H, W] in [0, 1], and the earlier ones' rows [B]."""
    camera = int(torch.randint(len(data.frames), (), generator=generator))
    rows = torch.randint(len(data), (count,), generator=generator)
    later = torch.minimum(rows + ahead, data.last[rows])
    frames = data.frames[camera]
    return unit(frames[rows]), unit(frames[later]), rows


def unit(frames: Tensor) -> Tensor:
    """uint8 [B, H, W, 3] → [B, 3, H, W] in [0, 1]."""
    return frames.permute(0, 3, 1, 2).float() * (1 / 255)
