"""Optical flow between the previous and the current frame, and the convolutions that read it.

Flow is in full-resolution pixels, from previous to current: what was at x is now at x + flow(x).
Channels are (x, y). Both estimators are frozen; identical frames give zero.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.optical_flow import raft_small

from .config import CameraSpec, ConfigError, FlowConfig
from .mp import gradients, luminance
from .weights import load_weights

# Up to this side a mean over a window is taken by products of matrices: PyTorch's pooling on a CPU goes pixel
# by pixel. The exported graph pools.
SMALL = 64


class LucasKanade(nn.Module):
    """Pyramidal Lucas–Kanade, dense, as plain graph operations.

    Per level, from coarse to fine: warp the current frame by the flow so far u, and solve the windowed least
    squares (Σ∇I∇Iᵀ + λ1) v = −Σ∇I·(Iₜ − ∇I·u) + λu for the flow v, with the gradients ∇I of the previous
    frame (Bouguet 2000). Subtracting each pixel's own ∇I·u is what lets dense iterations converge (Le
    Besnerais & Champagnat 2005); λ keeps untextured places at the coarser level's estimate.
    """

    def __init__(
        self, scale: float, levels: int, iterations: int, window: int, regularisation: float
    ) -> None:
        super().__init__()
        self.scale = scale
        self.levels = levels
        self.iterations = iterations
        self.window = window
        self.regularisation = regularisation

    @torch.no_grad()
    def forward(self, previous: Tensor, current: Tensor) -> Tensor:
        # previous, current [B, 3, H, W] in [0, 1] → [B, 2, H·scale, W·scale], full-resolution pixels
        before, after = luminance(previous), luminance(current)  # [B, 1, H, W]
        if self.scale == 0.5:
            before, after = F.avg_pool2d(before, 2), F.avg_pool2d(after, 2)
        elif self.scale != 1:
            before, after = (
                F.interpolate(
                    x, scale_factor=self.scale, mode="bilinear", align_corners=False, antialias=False
                )
                for x in (before, after)
            )
        pyramid = [(before, after)]
        for _ in range(self.levels - 1):
            before, after = F.avg_pool2d(before, 2), F.avg_pool2d(after, 2)
            pyramid.append((before, after))
        flow: Tensor | None = None
        for before, after in reversed(pyramid):
            if flow is not None:
                flow = 2 * F.interpolate(flow, size=before.shape[-2:], mode="bilinear", align_corners=False)
            flow = self._refine(before, after, flow)
        assert flow is not None
        return flow / self.scale

    def _refine(self, before: Tensor, after: Tensor, flow: Tensor | None) -> Tensor:
        dx, dy = gradients(before)
        xx = self._mean(dx * dx) + self.regularisation
        yy = self._mean(dy * dy) + self.regularisation
        xy = self._mean(dx * dy)
        inverse = 1 / (xx * yy - xy * xy)
        grid, size = pixel_grid(before)
        # The unmoved frame is sampled through the same operation as the moved one, so that its rounding
        # cancels and two identical frames differ by exactly 0.
        still = sample(before, grid, size)
        for _ in range(self.iterations):
            if flow is None:
                rest = after - before
                rx, ry = -self._mean(dx * rest), -self._mean(dy * rest)
            else:
                u, v = flow.split(1, dim=1)
                rest = sample(after, grid + flow, size) - still - dx * u - dy * v
                rx = self.regularisation * u - self._mean(dx * rest)
                ry = self.regularisation * v - self._mean(dy * rest)
            solved = torch.cat([yy * rx - xy * ry, xx * ry - xy * rx], dim=1) * inverse  # [B, 2, H, W]
            # a linearisation is not trusted far from where it was made
            flow = solved.clamp(-2, 2) if flow is None else flow + (solved - flow).clamp(-2, 2)
        assert flow is not None
        return flow

    def _mean(self, x: Tensor) -> Tensor:
        """Over the window, first along rows, then along columns; outside the image nothing counts."""
        if max(x.shape[-2:]) <= SMALL and not torch.onnx.is_in_onnx_export():
            rows, columns = (window_mean(side, self.window).to(x.device) for side in x.shape[-2:])
            return rows @ x @ columns.t()
        r = self.window // 2
        x = F.avg_pool2d(x, (1, self.window), stride=1, padding=(0, r), count_include_pad=False)
        return F.avg_pool2d(x, (self.window, 1), stride=1, padding=(r, 0), count_include_pad=False)


@functools.lru_cache
def window_mean(length: int, window: int) -> Tensor:
    """The matrix that takes the mean over a window about each place of an axis. [length, length]."""
    at = torch.arange(length)
    near = ((at[:, None] - at).abs() <= window // 2).float()
    return near / near.sum(dim=1, keepdim=True)


def pixel_grid(image: Tensor) -> tuple[Tensor, Tensor]:
    """Pixel coordinates [1, 2, H, W] as (x, y), and (W, H) as [1, 2, 1, 1]."""
    height, width = image.shape[-2:]
    y = torch.arange(height, dtype=torch.float32, device=image.device).view(1, 1, height, 1)
    x = torch.arange(width, dtype=torch.float32, device=image.device).view(1, 1, 1, width)
    grid = torch.cat([x.expand(1, 1, height, width), y.expand(1, 1, height, width)], dim=1)
    size = torch.tensor([width, height], dtype=torch.float32, device=image.device).view(1, 2, 1, 1)
    return grid, size


def sample(image: Tensor, points: Tensor, size: Tensor) -> Tensor:
    """Reads the image at pixel positions, bilinear, border replicated. points [B or 1, 2, H, W]."""
    normalised = ((2 * points + 1) / size - 1).permute(0, 2, 3, 1)  # [., H, W, 2], align_corners=False
    normalised = normalised.expand(image.shape[0], -1, -1, -1)
    return F.grid_sample(image, normalised, mode="bilinear", padding_mode="border", align_corners=False)


class RaftSmall(nn.Module):
    """torchvision's RAFT-small (Teed & Deng 2020), frozen; the last of its refinements.

    RAFT alone finds a small flow between identical frames too; here it is exactly 0, as at the first tick
    of an episode, where the previous frame is the current one.
    """

    # the correlation pyramid halves the 1/8 map three times, and 2 positions must be left
    MIN_SIDE = 128

    def __init__(self, updates: int) -> None:
        super().__init__()
        self.updates = updates
        self.net = raft_small(weights=None, progress=False).eval().requires_grad_(False)

    def load(self, path: str) -> None:
        load_weights(self.net, path, "flow.weights", "raft_small")

    def train(self, mode: bool = True) -> RaftSmall:
        return super().train(False)  # frozen: always as at inference

    @torch.no_grad()
    def forward(self, previous: Tensor, current: Tensor) -> Tensor:
        # previous, current [B, 3, H, W] in [0, 1], both scaled to RAFT's [-1, 1] → [B, 2, H, W]
        flow = self.net(2 * previous - 1, 2 * current - 1, num_flow_updates=self.updates)[-1]
        moved = (current - previous).abs().amax(dim=(1, 2, 3), keepdim=True) > 0  # [B, 1, 1, 1]
        return torch.where(moved, flow, torch.zeros_like(flow))


class FlowBackbone(nn.Module):
    """Conv 7×7/2, 5×5/2, 3×3/2, 3×3/1, ReLU between. [B, 2, h, w] → [B, hidden, h/8, w/8]."""

    def __init__(self, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        a, b, c, hidden = channels
        self.layers = nn.Sequential(
            nn.Conv2d(2, a, 7, stride=2, padding=3),
            nn.ReLU(),
            nn.Conv2d(a, b, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(b, c, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(c, hidden, 3, stride=1, padding=1),
        )
        self.channels = hidden
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, flow: Tensor) -> Tensor:
        return self.layers(flow)


def build_flow(config: FlowConfig, cameras: Sequence[CameraSpec]) -> LucasKanade | RaftSmall:
    """The estimator for these cameras. Raises ConfigError when their frames are too small for it."""
    for c in cameras:
        side = min(c.width, c.height)
        if config.method == "raft_small" and (side < RaftSmall.MIN_SIDE or c.width % 8 or c.height % 8):
            raise ConfigError(
                f"flow.method is raft_small, which needs frames of at least {RaftSmall.MIN_SIDE}×"
                f"{RaftSmall.MIN_SIDE} px with sides divisible by 8, but {c.name} is {c.width}×{c.height}: "
                "set flow.method to lucas_kanade or record larger frames"
            )
        if config.method == "lucas_kanade" and side * config.scale / 2 ** (config.levels - 1) < 4:
            raise ConfigError(
                f"flow.levels is {config.levels} at flow.scale {config.scale}, which leaves less than 4 px "
                f"of {c.name}'s {c.width}×{c.height}: give fewer levels"
            )
    if config.method == "raft_small":
        return RaftSmall(config.updates)
    return LucasKanade(config.scale, config.levels, config.iterations, config.window, config.regularisation)
