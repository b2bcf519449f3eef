"""Video prediction: does the change embedding hold what changes?

From frame t and the encoders' embedding of the change to frame t + k (M between the two, P of frame t), a
U-Net with skip connections predicts frame t + k. What frame t does not show can come through the embedding
alone.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .clips import draw_pairs
from .config import PretrainConfig
from .dataset import Demonstrations
from .mp import m_channels, p_channels
from .objective import Objective
from .spatial_broadcast import spatial_broadcast
from .two_stream import TwoStreamEncoder


class Block(nn.Sequential):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__(
            nn.Conv2d(channels, out, 3, padding=1),
            nn.GroupNorm(max(1, out // 8), out),
            nn.ReLU(),
            nn.Conv2d(out, out, 3, padding=1),
            nn.ReLU(),
        )


class UNet(nn.Module):
    """Frame [B, 3, H, W], embedding [B, D], patches [B, D, h, w] or none → the later frame, [B, 3, H, W]."""

    def __init__(self, channels: tuple[int, ...], embedding: int, patches: int) -> None:
        super().__init__()
        widths = (3, *channels)
        self.down = nn.ModuleList(Block(a, b) for a, b in itertools.pairwise(widths))
        self.middle = Block(channels[-1] + embedding + patches, channels[-1])
        self.up = nn.ModuleList(
            Block(deep + skip, skip)
            for deep, skip in zip(reversed((*channels[1:], channels[-1])), reversed(channels), strict=True)
        )
        self.out = nn.Conv2d(channels[0], 3, 1)

    def forward(self, frame: Tensor, embedding: Tensor, patches: Tensor | None) -> Tensor:
        x, skips = frame, []
        for block in self.down:
            x = block(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = spatial_broadcast(x, embedding)
        if patches is not None:
            patches = F.interpolate(patches, size=x.shape[-2:], mode="bilinear", align_corners=False)
            x = torch.cat([x, patches], dim=1)
        x = self.middle(x)
        for block, skip in zip(self.up, reversed(skips), strict=True):
            x = F.interpolate(x, size=skip.shape[-2:], mode="nearest")
            x = block(torch.cat([x, skip], dim=1))
        return frame + self.out(x)  # the change alone has to be learned


class VideoPrediction(Objective):
    def __init__(self, encoder: TwoStreamEncoder, width: int, config: PretrainConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder
        self.unet = UNet(config.channels, width, width if encoder.joins_map else 0)

    def predict(self, now: Tensor, later: Tensor) -> Tensor:
        """The later frame, of the frame now and the change embedding. [B, 3, H, W] each, in [0, 1]."""
        tokens, patches = self.encoder(m_channels(now, later), p_channels(now))
        return self.unet(now, tokens[:, 0], patches)

    def loss(self, data: Demonstrations, generator: torch.Generator, device: torch.device) -> Tensor:
        """Mean |error| of the predicted pixels, k drawn from 1 … horizon."""
        k = int(torch.randint(1, self.config.horizon + 1, (), generator=generator))
        now, later, _ = draw_pairs(data, self.config.batch, k, generator)
        now, later = now.to(device), later.to(device)
        return (self.predict(now, later) - later).abs().mean()
