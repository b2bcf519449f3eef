"""How M and P are fused, token by token or by attention.

A fusion takes m and p, [B, T, D] each, and what either may attend to, m_keys and p_keys [B, S, D]; those that
work token by token need no keys. They return [B, T, D].
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .transformer import Attention


class LinearFusion(nn.Module):
    """FC([M ; P]), at each token."""

    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.fc = nn.Linear(2 * d, d)

    def forward(self, m: Tensor, p: Tensor, *_keys: Tensor) -> Tensor:
        return self.fc(torch.cat([m, p], dim=-1))


class MlpFusion(nn.Module):
    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2 * d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

    def forward(self, m: Tensor, p: Tensor, *_keys: Tensor) -> Tensor:
        return self.mlp(torch.cat([m, p], dim=-1))


class GatingFusion(nn.Module):
    """g = σ(W[M ; P]), per dimension; fused = g·M + (1 − g)·P."""

    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * d, d)

    def forward(self, m: Tensor, p: Tensor, *_keys: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gate(torch.cat([m, p], dim=-1)))
        return gate * m + (1 - gate) * p


class AttentionFusion(nn.Module):
    """M attends to P and P to M, each keeping its own token as a residual; the two are averaged.

    The CLS tokens attend to all of the other stream's tokens: among one key the weight would always be 1.
    """

    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.m_from_p = Attention(d, heads)
        self.p_from_m = Attention(d, heads)

    def forward(self, m: Tensor, p: Tensor, m_keys: Tensor, p_keys: Tensor) -> Tensor:
        return 0.5 * (m + self.m_from_p(m, p_keys, p_keys) + p + self.p_from_m(p, m_keys, m_keys))


TOKEN_FUSIONS = {
    "fc": LinearFusion,
    "linear": LinearFusion,
    "mlp": MlpFusion,
    "attention": AttentionFusion,
    "gating": GatingFusion,
}
