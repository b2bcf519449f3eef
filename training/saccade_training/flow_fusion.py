"""Fusion of an image feature map [B, C, H, W] with a flow feature map [B, F, H, W] → [B, C, H, W]."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConcatFusion(nn.Module):
    """Concatenate, then convolve to the image's channels."""

    def __init__(self, image: int, flow: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(image + flow, image, 1)

    def forward(self, image: Tensor, flow: Tensor) -> Tensor:
        return self.conv(torch.cat([image, flow], dim=1))


class AlphaFusion(nn.Module):
    """gate = σ(conv1×1(relu(conv1×1([image; flow])))), 2C → C/2 → C; fused = gate·image + (1 − gate)·flow."""

    def __init__(self, image: int, flow: int) -> None:
        super().__init__()
        self.align = nn.Identity() if flow == image else nn.Conv2d(flow, image, 1)
        self.gate = nn.Sequential(
            nn.Conv2d(2 * image, image // 2, 1), nn.ReLU(), nn.Conv2d(image // 2, image, 1), nn.Sigmoid()
        )

    def forward(self, image: Tensor, flow: Tensor) -> Tensor:
        flow = self.align(flow)
        gate = self.gate(torch.cat([image, flow], dim=1))
        return gate * image + (1 - gate) * flow


class AttentionFusion(nn.Module):
    """Channel attention over the concatenation, then a convolution to half the channels."""

    def __init__(self, image: int, flow: int) -> None:
        super().__init__()
        self.align = nn.Identity() if flow == image else nn.Conv2d(flow, image, 1)
        self.attention = nn.Sequential(
            nn.Linear(2 * image, image // 2), nn.ReLU(), nn.Linear(image // 2, 2 * image), nn.Sigmoid()
        )
        self.conv = nn.Conv2d(2 * image, image, 1)

    def forward(self, image: Tensor, flow: Tensor) -> Tensor:
        both = torch.cat([image, self.align(flow)], dim=1)  # [B, 2C, H, W]
        weight = self.attention(both.mean(dim=(2, 3)))  # [B, 2C]
        return self.conv(both * weight[:, :, None, None])


FLOW_FUSIONS = {"concat": ConcatFusion, "alpha": AlphaFusion, "attention": AttentionFusion}
