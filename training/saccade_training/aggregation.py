"""What is made of the two streams' tokens: the four aggregations of the ablation, (A) to (D).

Each takes all tokens of M and of P, [B, 1 + N, D] with the CLS token first, and gives tokens for ACT's
encoder and, where the patches keep their place beside the image map, that map.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .config import MpConfig
from .stream_fusion import TOKEN_FUSIONS


class Aggregated(NamedTuple):
    tokens: Tensor  # [B, T, width]
    patches: Tensor | None  # [B, N, D], to be added to the image map


class Aggregation(nn.Module):
    """Takes m and p, [B, 1 + N, D]."""

    width: int  # of its tokens
    count: int  # of them


class Averages(Aggregation):
    """(A): [m_cls ; p_cls ; mean of M's patches ; mean of P's], one token of 4·D."""

    def __init__(self, config: MpConfig, patches: int) -> None:
        super().__init__()
        self.width, self.count = 4 * config.dim, 1

    def forward(self, m: Tensor, p: Tensor) -> Aggregated:
        parts = [m[:, 0], p[:, 0], m[:, 1:].mean(dim=1), p[:, 1:].mean(dim=1)]
        return Aggregated(torch.cat(parts, dim=-1)[:, None], None)


class AveragesFc(Averages):
    """(B): the same through a fully connected layer, one token of D."""

    def __init__(self, config: MpConfig, patches: int) -> None:
        super().__init__(config, patches)
        self.fc = nn.Linear(self.width, config.dim)
        self.width = config.dim

    def forward(self, m: Tensor, p: Tensor) -> Aggregated:
        return Aggregated(self.fc(super().forward(m, p).tokens), None)


class Pixelwise(Aggregation):
    """(C): patch_i = fuse(M_i, P_i) at each location, and one fused CLS token: N + 1 tokens of D."""

    def __init__(self, config: MpConfig, patches: int) -> None:
        super().__init__()
        self.patch_fusion = TOKEN_FUSIONS[config.fusion](config.dim, config.heads)
        self.cls_fusion = (
            self.patch_fusion
            if config.weights == "shared"
            else TOKEN_FUSIONS[config.cls_fusion](config.dim, config.heads)
        )
        self.on_map = config.patches == "map"
        self.width, self.count = config.dim, 1 if self.on_map else 1 + patches

    def forward(self, m: Tensor, p: Tensor) -> Aggregated:
        m_patches, p_patches = m[:, 1:], p[:, 1:]
        cls = self.cls_fusion(m[:, :1], p[:, :1], m, p)  # [B, 1, D]
        patches = self.patch_fusion(m_patches, p_patches, m_patches, p_patches)  # [B, N, D]
        if self.on_map:
            return Aggregated(cls, patches)
        return Aggregated(torch.cat([cls, patches], dim=1), None)


class AllPatches(Aggregation):
    """(D): all tokens of both streams, unfused: 2·(N + 1) tokens of D."""

    def __init__(self, config: MpConfig, patches: int) -> None:
        super().__init__()
        self.width, self.count = config.dim, 2 * (1 + patches)

    def forward(self, m: Tensor, p: Tensor) -> Aggregated:
        return Aggregated(torch.cat([m, p], dim=1), None)


AGGREGATIONS: dict[str, Callable[[MpConfig, int], Aggregation]] = {
    "averages": Averages,
    "averages_fc": AveragesFc,
    "pixelwise": Pixelwise,
    "all_patches": AllPatches,
}
