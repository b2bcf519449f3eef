"""Heterogeneous-camera cross-attention: cameras with different jobs, pooled and attended differently.

A role keeps its own grid (6×6, 4×4, 2×2). In `spatial` mode the cells are tokens, so attention selects
where; in `pooled` mode, the literal first design, each camera is one token and every weight is 1. In `plain`
mode, for comparison, every position of the feature map is a token of ACT's encoder and there is nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .config import SALIENCY_GROUPS, CamerasConfig, CameraSpec
from .transformer import Attention


def pooling_matrix(height: int, width: int, grid: int) -> Tensor:
    """Adaptive average pooling H×W → grid×grid as a matrix [H·W, grid²]; same cells as PyTorch's pooling."""

    def axis(length: int) -> Tensor:
        matrix = torch.zeros(length, grid)
        for i in range(grid):
            start, end = i * length // grid, -(-(i + 1) * length // grid)
            matrix[start:end, i] = 1 / (end - start)
        return matrix

    rows, columns = axis(height), axis(width)
    return torch.einsum("ya,xb->yxab", rows, columns).reshape(height * width, grid * grid)


class RolePooling(nn.Module):
    """Feature map [B, C, H, W] → a camera's tokens [B, cells, d]: cells = grid² if spatial, 1 if pooled."""

    matrix: Tensor

    def __init__(
        self, channels: int, d: int, size: tuple[int, int], grid: int, config: CamerasConfig
    ) -> None:
        super().__init__()
        self.spatial = config.mode == "spatial"
        self.grid = (grid, grid) if self.spatial else (1, 1)
        self.register_buffer("matrix", pooling_matrix(*size, grid), persistent=False)
        self.saliency: nn.Conv2d | None = None
        if config.pooling == "saliency":
            self.saliency = nn.Conv2d(channels, SALIENCY_GROUPS, 1)
            nn.init.zeros_(self.saliency.weight)
            nn.init.zeros_(self.saliency.bias)  # type: ignore[arg-type]
        self.project = nn.Sequential(
            nn.Linear(channels if self.spatial else channels * grid * grid, d),
            nn.ReLU(),
            nn.Dropout(config.dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        cells = self._pool(x).transpose(1, 2)  # [B, grid², C]
        return self.project(cells if self.spatial else cells.flatten(1).unsqueeze(1))

    def _pool(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)  # [B, C, H·W]
        if self.saliency is None:
            return flat @ self.matrix
        # a weight per position and group of channels, a mean weighted by it
        weight = self.saliency(x).clamp(-8, 8).exp().flatten(2)  # [B, groups, H·W]
        grouped = flat.unflatten(1, (SALIENCY_GROUPS, -1)) * weight.unsqueeze(2)  # [B, groups, C/groups, H·W]
        return ((grouped @ self.matrix) / (weight @ self.matrix).unsqueeze(2)).flatten(1, 2)


class PlainTokens(nn.Module):
    """Feature map [B, d, H, W] → [B, H·W, d], as ACT has it."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.grid = size

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).transpose(1, 2)


class CrossCameraAttention(nn.Module):
    """Tokens of the cameras → the same shapes, each having looked at those its edges lead to.

    Edges are given by role; each pair of cameras that has the two roles gets a module of its own, named
    `query_from_key` after the cameras. A camera without edges keeps its tokens.
    """

    def __init__(self, cameras: Sequence[CameraSpec], d: int, config: CamerasConfig) -> None:
        super().__init__()
        # query: the cameras it attends to, in the order their features are concatenated
        self.sources = {
            query.name: [
                key.name
                for edge in config.edges
                for key in cameras
                if key is not query and edge == f"{query.role}_from_{key.role}"
            ]
            for query in cameras
        }
        self.sources = {query: keys for query, keys in self.sources.items() if keys}
        self.edges = nn.ModuleDict(
            {
                edge_name(query, key): Attention(d, config.heads, config.dropout)
                for query, keys in self.sources.items()
                for key in keys
            }
        )
        self.merge = nn.ModuleDict(
            {
                query: nn.Sequential(
                    nn.Linear((1 + len(keys)) * d, d), nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(d, d)
                )
                for query, keys in self.sources.items()
            }
        )
        self.norms = nn.ModuleDict({query: nn.LayerNorm(d) for query in self.sources})

    def forward(self, tokens: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """tokens: camera → [B, cells, d]. Also returns the weights, edge → [B, query cells, key cells]."""
        fused = dict(tokens)
        weights: dict[str, Tensor] = {}
        for query, keys in self.sources.items():
            own = tokens[query]
            seen = [own]
            for key in keys:
                edge = edge_name(query, key)
                attention = self.edges[edge]
                assert isinstance(attention, Attention)
                attended, weights[edge] = attention.with_weights(own, tokens[key], tokens[key])
                seen.append(attended)
            merged = self.merge[query](torch.cat(seen, dim=-1))  # [B, cells, (1 + keys)·d] → [B, cells, d]
            fused[query] = self.norms[query](own + merged)
        return fused, weights


def edge_name(query: str, key: str) -> str:
    return f"{query}_from_{key}"
