"""Spatial broadcast fusion: a vector joins a feature map at every position."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def spatial_broadcast(grid: Tensor, vector: Tensor) -> Tensor:
    """The vector tiled over the grid, its features beside the grid's channels.

    grid [B, C, H, W], vector [B, F] → [B, C + F, H, W].
    """
    tiled = vector[:, :, None, None].expand(-1, -1, grid.shape[2], grid.shape[3])
    return torch.cat([grid, tiled], dim=1)


class BroadcastFusion(nn.Module):
    """The broadcast, and a convolution 1×1 back to C channels. [B, C, H, W], [B, F] → [B, C, H, W]."""

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels + features, channels, 1)

    def forward(self, grid: Tensor, vector: Tensor) -> Tensor:
        return self.conv(spatial_broadcast(grid, vector))
