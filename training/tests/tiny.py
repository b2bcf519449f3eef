"""Policies as small as they go, with every pathway on unless a test says otherwise."""

from __future__ import annotations

from typing import Any

import torch
from synthetic import CAMERAS, JOINTS
from torch import Tensor

from saccade_training.config import CameraSpec, Config, from_dict
from saccade_training.policy import SaccadePolicy

TINY: dict[str, dict[str, Any]] = {
    "backbone": {"channels": [8, 16, 16], "strides": [2, 2, 2]},
    "flow": {"channels": [4, 8, 8, 8], "levels": 2},
    "mp": {"dim": 16, "depth": 1, "heads": 2},
    # smaller than the 4×4 maps of 32×32 frames, so that a cell holds more than one position
    "cameras": {
        "heads": 2,
        "dropout": 0.0,
        "grids": {"wrist_detail": 3, "wrist_context": 3, "global_overview": 2},
    },
    "act": {
        "d": 16,
        "heads": 2,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "ffn": 16,
        "chunk": 4,
        "dropout": 0.0,
        "latent": 4,
    },
}
TRAIN: dict[str, Any] = {
    "batch": 8,
    "steps": 6,
    "lr": 0.003,
    "warmup_steps": 2,
    "kl_weight": 0.1,
    "ema": 0.9,
    "validation_fraction": 0.25,
    "log_every": 1,
    "validate_every": 4,
}


def tiny_config(policy: dict[str, dict[str, Any]] | None = None, **train: Any) -> Config:
    """Sections of the policy and keys of the training override the tiny ones."""
    over = policy or {}
    sections = {name: {**TINY.get(name, {}), **over.get(name, {})} for name in {**TINY, **over}}
    return from_dict({"name": "tiny", "policy": sections, "train": {**TRAIN, **train}})


def cameras(width: int = 32, height: int = 32) -> list[CameraSpec]:
    return [CameraSpec(c["name"], c["role"], width, height) for c in CAMERAS]


def tiny_policy(
    policy: dict[str, dict[str, Any]] | None = None, size: int = 32, seed: int = 0
) -> SaccadePolicy:
    torch.manual_seed(seed)
    return SaccadePolicy(tiny_config(policy).policy, cameras(size, size), JOINTS)


def random_frames(batch: int = 2, size: int = 32, seed: int = 0) -> list[Tensor]:
    """Smooth random texture for each camera, uint8 [B, H, W, 3]."""
    generator = torch.Generator().manual_seed(seed)
    frames = []
    for _ in CAMERAS:
        coarse = torch.rand(batch, 3, size // 4, size // 4, generator=generator)
        image = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
        frames.append((255 * image).to(torch.uint8).permute(0, 2, 3, 1).contiguous())
    return frames


def moved(frames: list[Tensor], dx: int = 1, dy: int = 1) -> list[Tensor]:
    return [x.roll((dy, dx), dims=(1, 2)) for x in frames]
