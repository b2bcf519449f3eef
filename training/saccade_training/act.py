"""ACT (Zhao et al. 2023): a CVAE whose decoder is a transformer predicting a chunk of K actions.

Everything here is in normalised units; a latent of 0 is used when no actions are given (inference).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import ActConfig
from .transformer import DecoderLayer, EncoderLayer, sinusoid_1d


class ActionEncoder(nn.Module):
    """The CVAE's posterior q(z | state, actions), used in training only."""

    position: Tensor

    def __init__(self, config: ActConfig, joints: int) -> None:
        super().__init__()
        d = config.d
        self.cls = nn.Parameter(torch.randn(1, 1, d) * 0.02)
        self.state = nn.Linear(joints, d)
        self.action = nn.Linear(joints, d)
        self.layers = nn.ModuleList(
            EncoderLayer(d, config.heads, config.ffn, config.dropout) for _ in range(config.cvae_layers)
        )
        self.norm = nn.LayerNorm(d)
        self.out = nn.Linear(d, 2 * config.latent)
        self.register_buffer("position", sinusoid_1d(config.chunk + 2, d)[None], persistent=False)

    def forward(self, state: Tensor, actions: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        # state [B, J], actions [B, K, A], valid [B, K] → mu, logvar [B, latent]
        b = state.shape[0]
        x = torch.cat([self.cls.expand(b, -1, -1), self.state(state)[:, None], self.action(actions)], dim=1)
        mask = torch.cat([valid.new_ones(b, 2), valid], dim=1)  # [B, K + 2]
        for layer in self.layers:
            x = layer(x, self.position, mask)
        mu, logvar = self.out(self.norm(x[:, 0])).chunk(2, dim=-1)
        return mu, logvar


class Act(nn.Module):
    """Perception tokens [B, N, d] and state [B, J] → actions [B, K, A]; mu and logvar when training."""

    def __init__(self, config: ActConfig, joints: int, tokens: int) -> None:
        super().__init__()
        d = config.d
        self.config = config
        self.posterior = ActionEncoder(config, joints) if config.cvae else None
        self.latent = nn.Linear(config.latent, d)
        self.state = nn.Linear(joints, d)
        self.position = nn.Parameter(torch.randn(1, tokens + 2, d) * 0.02)
        self.encoder = nn.ModuleList(
            EncoderLayer(d, config.heads, config.ffn, config.dropout) for _ in range(config.encoder_layers)
        )
        self.memory_norm = nn.LayerNorm(d)
        self.queries = nn.Parameter(torch.randn(1, config.chunk, d) * 0.02)
        self.decoder = nn.ModuleList(
            DecoderLayer(d, config.heads, config.ffn, config.dropout) for _ in range(config.decoder_layers)
        )
        self.out_norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, joints)

    def forward(
        self, perception: Tensor, state: Tensor, actions: Tensor | None = None, valid: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        mu = logvar = None
        if self.posterior is not None and actions is not None and valid is not None:
            mu, logvar = self.posterior(state, actions, valid)
            z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        else:
            z = state.new_zeros(state.shape[0], self.config.latent)
        x = torch.cat([self.latent(z)[:, None], self.state(state)[:, None], perception], dim=1)  # [B, N+2, d]
        for layer in self.encoder:
            x = layer(x, self.position)
        memory = self.memory_norm(x)
        placed = memory + self.position
        y = self.queries.expand(x.shape[0], -1, -1)  # [B, K, d]
        for layer in self.decoder:
            y = layer(y, self.queries, memory, placed)
        return self.head(self.out_norm(y)), mu, logvar
