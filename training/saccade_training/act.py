"""ACT (Zhao et al. 2023): a CVAE whose decoder is a transformer predicting a chunk of K actions.

Everything here is in normalised units; the latent's usual value is used when no actions are given
(inference).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import ActConfig
from .latent import ActionEncoder, GaussianLatent, VqLatent, latent_width
from .transformer import DecoderLayer, EncoderLayer


class Act(nn.Module):
    """Perception tokens [B, N, d] and state [B, J] → actions [B, K, A]; the posterior too when training."""

    def __init__(self, config: ActConfig, joints: int, tokens: int) -> None:
        super().__init__()
        d = config.d
        self.config = config
        self.posterior = ActionEncoder(config, joints) if config.cvae else None
        self.latent = nn.Linear(latent_width(config), d)
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
        self,
        perception: Tensor,
        state: Tensor,
        actions: Tensor | None = None,
        valid: Tensor | None = None,
        vq_sample: Tensor | None = None,
    ) -> tuple[Tensor, GaussianLatent | VqLatent | None]:
        """actions [B, K, A] and valid [B, K] in training; vq_sample [B, class, dim], one-hot codes to decode
        instead of the usual ones, as in ACT."""
        posterior = None
        if self.posterior is None:
            z = state.new_zeros(state.shape[0], latent_width(self.config))
        elif actions is not None and valid is not None:
            posterior = self.posterior(state, actions, valid)
            z = posterior.sample()
        else:
            z = self.posterior.usual(state.shape[0]) if vq_sample is None else vq_sample.flatten(1)
        x = torch.cat([self.latent(z)[:, None], self.state(state)[:, None], perception], dim=1)  # [B, N+2, d]
        for layer in self.encoder:
            x = layer(x, self.position)
        memory = self.memory_norm(x)
        placed = memory + self.position
        y = self.queries.expand(x.shape[0], -1, -1)  # [B, K, d]
        for layer in self.decoder:
            y = layer(y, self.queries, memory, placed)
        return self.head(self.out_norm(y)), posterior
