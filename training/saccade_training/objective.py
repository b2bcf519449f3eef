"""What pre-trains the encoders: a loss on clips drawn from demonstrations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .dataset import Demonstrations


class Objective(nn.Module):
    def loss(self, data: Demonstrations, generator: torch.Generator, device: torch.device) -> Tensor:
        """Of a batch of its own. []"""
        raise NotImplementedError

    def after_step(self) -> None:
        """Called after each step of the optimiser."""
