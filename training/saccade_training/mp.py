"""M and P channels, after the eye's magno- and parvocellular cells.

Frames are RGB in [0, 1]. M [B, 4, H, W] = [ΔL, ΔR, ΔG, ΔB], what changed between two frames; a static
pair gives exactly 0. P [B, 5, H, W] = [∂x L, ∂y L, R, G, B], what is where in one frame.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

REC601 = (0.299, 0.587, 0.114)


def luminance(frame: Tensor) -> Tensor:
    """Rec. 601 luma of an RGB frame. [B, 3, H, W] → [B, 1, H, W]."""
    r, g, b = frame.unbind(1)
    return (REC601[0] * r + REC601[1] * g + REC601[2] * b).unsqueeze(1)


def gradients(image: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences ∂x, ∂y per pixel, the border replicated. [B, 1, H, W] each."""
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    dx = 0.5 * (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2])
    dy = 0.5 * (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1])
    return dx, dy


def m_channels(previous: Tensor, current: Tensor) -> Tensor:
    # the luma of the difference is the difference of the lumas
    delta = current - previous  # [B, 3, H, W]
    return torch.cat([luminance(delta), delta], dim=1)  # [B, 4, H, W]


def p_channels(current: Tensor) -> Tensor:
    dx, dy = gradients(luminance(current))
    return torch.cat([dx, dy, current], dim=1)  # [B, 5, H, W]
