"""Two-stream encoder: one ViT for the M channels, one for the P channels, fused at each location.

Position survives: patch_i = fuse(M_i, P_i), N tokens of D, and one fused CLS token.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import ConfigError, MpConfig
from .transformer import Attention, EncoderLayer


class PatchEncoder(nn.Module):
    """A small ViT. [B, channels, H, W] → [B, 1 + N, D], CLS first, N = (H/patch)·(W/patch)."""

    def __init__(self, channels: int, height: int, width: int, config: MpConfig) -> None:
        super().__init__()
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
        patches = self.embed(x).flatten(2).transpose(1, 2)  # [B, N, D]
        tokens = torch.cat([self.cls.expand(x.shape[0], -1, -1), patches], dim=1) + self.position
        for layer in self.layers:
            tokens = layer(tokens)
        return self.norm(tokens)


# A fusion takes m and p, [B, T, D] each, and what either may attend to, m_keys and p_keys [B, S, D];
# those that work token by token need no keys. They return [B, T, D].


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


class TwoStreamEncoder(nn.Module):
    """M [B, 4, H, W], P [B, 5, H, W] → cls [B, D], patches [B, D, H/patch, W/patch]."""

    def __init__(self, height: int, width: int, config: MpConfig) -> None:
        super().__init__()
        self.m_encoder = PatchEncoder(4, height, width, config)
        self.p_encoder = PatchEncoder(5, height, width, config)
        self.patch_fusion = TOKEN_FUSIONS[config.fusion](config.dim, config.heads)
        self.cls_fusion = (
            self.patch_fusion
            if config.weights == "shared"
            else TOKEN_FUSIONS[config.cls_fusion](config.dim, config.heads)
        )
        self.grid = self.m_encoder.grid

    def forward(self, m: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        m_all, p_all = self.m_encoder(m), self.p_encoder(p)  # [B, 1 + N, D]
        m_patches, p_patches = m_all[:, 1:], p_all[:, 1:]
        cls = self.cls_fusion(m_all[:, :1], p_all[:, :1], m_all, p_all)[:, 0]  # [B, D]
        patches = self.patch_fusion(m_patches, p_patches, m_patches, p_patches)  # [B, N, D]
        return cls, patches.transpose(1, 2).unflatten(2, self.grid)
