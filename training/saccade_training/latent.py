"""ACT's latent: Gaussian as in the CVAE, or discrete (ACT's VQ latent).

The encoder, used in training only, says what the latent is, given the state and the actions that followed.
The discrete one is vq_class variables, each one of vq_dim codes: sampled from the encoder's softmax, the
gradient passing straight through. ACT draws the codes for inference from a model trained afterwards; here the
distribution of the codes is learned beside them and its most probable ones are used, as the Gaussian's mean
is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import ActConfig
from .transformer import EncoderLayer, sinusoid_1d


@dataclass
class GaussianLatent:
    """q(z | state, actions) = N(mu, exp(logvar)), [B, latent] each."""

    mu: Tensor
    logvar: Tensor

    def sample(self) -> Tensor:
        return self.mu + (0.5 * self.logvar).exp() * torch.randn_like(self.mu)

    def kl(self) -> Tensor:
        """KL(q ‖ N(0, 1)), summed over the latent, mean over the batch. []"""
        mu, logvar = self.mu.float(), self.logvar.float()
        return -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(dim=1).mean()


@dataclass
class VqLatent:
    """q(codes | state, actions), probabilities [B, class, dim], and the learned logits of p(codes), [class,
    dim]."""

    probabilities: Tensor
    prior: Tensor

    def sample(self) -> Tensor:
        """One-hot codes, the gradient that of the probabilities. [B, class·dim]."""
        b, variables, codes = self.probabilities.shape
        drawn = torch.multinomial(self.probabilities.float().reshape(-1, codes), 1)[:, 0]
        one_hot = F.one_hot(drawn, codes).to(self.probabilities.dtype).reshape(b, variables, codes)
        return (one_hot - self.probabilities.detach() + self.probabilities).flatten(1)

    def kl(self) -> Tensor:
        """KL(q ‖ p), summed over the variables, mean over the batch; it trains p alone, as ACT sets no prior.
        []"""
        q = self.probabilities.detach().float()
        return (q * (q.clamp_min(1e-8).log() - self.prior.float().log_softmax(-1))).sum(dim=(1, 2)).mean()


class ActionEncoder(nn.Module):
    """The posterior q(latent | state, actions)."""

    position: Tensor

    def __init__(self, config: ActConfig, joints: int) -> None:
        super().__init__()
        d = config.d
        self.config = config
        self.cls = nn.Parameter(torch.randn(1, 1, d) * 0.02)
        self.state = nn.Linear(joints, d)
        self.action = nn.Linear(joints, d)
        self.layers = nn.ModuleList(
            EncoderLayer(d, config.heads, config.ffn, config.dropout) for _ in range(config.cvae_layers)
        )
        self.norm = nn.LayerNorm(d)
        self.out = nn.Linear(d, latent_width(config) if config.vq else 2 * config.latent)
        self.prior = nn.Parameter(torch.zeros(config.vq_class, config.vq_dim)) if config.vq else None
        self.register_buffer("position", sinusoid_1d(config.chunk + 2, d)[None], persistent=False)

    def forward(self, state: Tensor, actions: Tensor, valid: Tensor) -> GaussianLatent | VqLatent:
        # state [B, J], actions [B, K, A], valid [B, K]
        b = state.shape[0]
        x = torch.cat([self.cls.expand(b, -1, -1), self.state(state)[:, None], self.action(actions)], dim=1)
        mask = torch.cat([valid.new_ones(b, 2), valid], dim=1)  # [B, K + 2]
        for layer in self.layers:
            x = layer(x, self.position, mask)
        found = self.out(self.norm(x[:, 0]))
        if self.prior is not None:
            return VqLatent(found.unflatten(-1, self.prior.shape).softmax(dim=-1), self.prior)
        mu, logvar = found.chunk(2, dim=-1)
        return GaussianLatent(mu, logvar)

    def usual(self, batch: int) -> Tensor:
        """The latent at inference: the prior's mode. [B, latent_width]."""
        if self.prior is None:
            return self.cls.new_zeros(batch, latent_width(self.config))
        codes = F.one_hot(self.prior.argmax(dim=-1), self.config.vq_dim).to(self.prior.dtype)
        return codes.flatten()[None].expand(batch, -1)


def latent_width(config: ActConfig) -> int:
    return config.vq_class * config.vq_dim if config.vq else config.latent
