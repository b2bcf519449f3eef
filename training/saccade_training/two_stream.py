"""Two-stream encoder: a ViT for the M channels, one for the P channels, and what is made of their tokens."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .aggregation import AGGREGATIONS, Pixelwise
from .config import ConfigError, MpConfig
from .transformer import EncoderLayer


class PatchEncoder(nn.Module):
    """A small ViT. [B, channels, H, W] → [B, 1 + N, D], CLS first, N = (H/patch)·(W/patch).

    Frames of another size than it was made for (crops in pre-training) take its positions interpolated.
    """

    def __init__(self, channels: int, height: int, width: int, config: MpConfig) -> None:
        super().__init__()
        self.patch = config.patch
        self.grid = (height // config.patch, width // config.patch)
        if (self.grid[0] * config.patch, self.grid[1] * config.patch) != (height, width):
            raise ConfigError(
                f"mp.patch is {config.patch}, which does not divide {width}×{height} px: give one that does"
            )
        self.embed = nn.Conv2d(channels, config.dim, config.patch, stride=config.patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, config.dim))
        self.position = nn.Parameter(torch.randn(1, self.grid[0] * self.grid[1] + 1, config.dim) * 0.02)
        self.layers = nn.ModuleList(
            EncoderLayer(config.dim, config.heads, 2 * config.dim, 0.0) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.embedded(x)  # [B, N, D]
        tokens = torch.cat([self.cls.expand(x.shape[0], -1, -1), patches], dim=1)
        tokens = tokens + self._position(self.grid_of(x))
        for layer in self.layers:
            tokens = layer(tokens)
        return self.norm(tokens)

    def embedded(self, x: Tensor) -> Tensor:
        """[B, C, H, W] → [B, N, D]. Patches do not overlap, so that it is a product of matrices, too; PyTorch
        learns faster from that on a CPU than from a convolution with kernels so large."""
        if torch.onnx.is_in_onnx_export():
            return self.embed(x).flatten(2).transpose(1, 2)
        rows, columns = self.grid_of(x)
        pixels = x.unflatten(3, (columns, self.patch)).unflatten(2, (rows, self.patch))  # [B, C, r, p, c, p]
        pixels = pixels.permute(0, 2, 4, 1, 3, 5).reshape(x.shape[0], rows * columns, -1)
        return F.linear(pixels, self.embed.weight.flatten(1), self.embed.bias)

    def grid_of(self, x: Tensor) -> tuple[int, int]:
        """Rows and columns of patches that a frame [B, ., H, W] has."""
        return int(x.shape[-2]) // self.patch, int(x.shape[-1]) // self.patch

    def _position(self, grid: tuple[int, int]) -> Tensor:
        return self.position if grid == self.grid else resized(self.position, self.grid, grid)


def resized(position: Tensor, grid: tuple[int, int], to: tuple[int, int]) -> Tensor:
    """Position embeddings [1, 1 + rows·columns, D] for another grid, as DINO has it; the CLS token stays."""
    cells = position[:, 1:].transpose(1, 2).unflatten(2, grid)  # [1, D, rows, columns]
    cells = F.interpolate(cells, size=to, mode="bicubic", align_corners=False)
    return torch.cat([position[:, :1], cells.flatten(2).transpose(1, 2)], dim=1)


class TwoStreamEncoder(nn.Module):
    """M [B, 4, H, W], P [B, 5, H, W] → tokens [B, T, width] and, where patches join the image map, that map's
    [B, D, H/patch, W/patch] (see aggregation.py)."""

    def __init__(self, height: int, width: int, config: MpConfig) -> None:
        super().__init__()
        self.m_encoder = PatchEncoder(4, height, width, config)
        self.p_encoder = PatchEncoder(5, height, width, config)
        self.grid = self.m_encoder.grid
        self.aggregate = AGGREGATIONS[config.aggregation](config, self.grid[0] * self.grid[1])
        if config.frozen:
            self.m_encoder.requires_grad_(False)
            self.p_encoder.requires_grad_(False)

    @property
    def joins_map(self) -> bool:
        return isinstance(self.aggregate, Pixelwise) and self.aggregate.on_map

    def forward(self, m: Tensor, p: Tensor) -> tuple[Tensor, Tensor | None]:
        tokens, patches = self.aggregate(self.m_encoder(m), self.p_encoder(p))
        if patches is None:
            return tokens, None
        grid = self.m_encoder.grid_of(m)
        return tokens, patches.transpose(1, 2).unflatten(2, grid)
