"""Weights somebody else trained, given as a file: nothing is ever downloaded."""

from __future__ import annotations

import torch
from torch import nn

from .config import ConfigError


def load_weights(module: nn.Module, path: str, key: str, model: str) -> None:
    """Loads a state dict of torchvision's `model`. Raises ConfigError naming the config key and the file."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        module.load_state_dict(state)
    except FileNotFoundError as error:
        raise ConfigError(
            f"{key} names {path}, which does not exist: give a file with torchvision's {model} weights"
        ) from error
    except Exception as error:  # a file that is something else can raise nearly anything
        raise ConfigError(
            f"{key} names {path}, which does not hold torchvision's {model} weights (a state dict): "
            "give a file that does"
        ) from error
