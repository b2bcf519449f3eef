"""Small ACT checkpoints in the layouts LeRobot has had, written key for key as its packages write them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from saccade_training.classic_act import ClassicAct, ClassicActConfig, ClassicActFeatures
from saccade_training.full_size_act import write_act_checkpoint
from saccade_training.lerobot_checkpoint import ACTION, IMAGES, STATE
from saccade_training.safetensors import read_safetensors, write_safetensors

CAMERAS, JOINTS, HEIGHT, WIDTH, CHUNK = ("top", "wrist"), ("a", "b", "c"), 64, 96, 6
SMALL = ClassicActConfig(
    chunk_size=CHUNK,
    dim_model=16,
    n_heads=2,
    dim_feedforward=24,
    n_encoder_layers=1,
    latent_dim=4,
    n_vae_encoder_layers=1,
)


def statistics(seed: int = 0) -> dict[str, dict[str, Tensor]]:
    """Of every kind, for every feature, each camera its own."""
    rng = torch.Generator().manual_seed(seed)
    shapes = {IMAGES + camera: (3, 1, 1) for camera in CAMERAS} | dict.fromkeys(
        (STATE, ACTION), (len(JOINTS),)
    )
    found = {}
    for key, shape in shapes.items():
        low = 0.3 * torch.rand(shape, generator=rng)
        high = low + 0.4 + 0.3 * torch.rand(shape, generator=rng)
        span = high - low
        found[key] = {"mean": low + span / 2, "std": span / 3, "min": low, "max": high}
        for name, share in (("q01", 0.01), ("q10", 0.1), ("q90", 0.9), ("q99", 0.99)):
            found[key][name] = low + share * span
    return found


@dataclass
class Written:
    folder: Path
    act: ClassicAct
    statistics: dict[str, dict[str, Tensor]]

    def edit(self, file: str, change: Any) -> None:
        """change: what to do to the file's JSON, in place."""
        raw = json.loads((self.folder / file).read_text())
        change(raw)
        (self.folder / file).write_text(json.dumps(raw))

    def edit_tensors(self, change: Any, file: str = "model.safetensors") -> None:
        tensors = read_safetensors(self.folder / file)
        change(tensors)
        write_safetensors(self.folder / file, tensors)


def write_checkpoint(
    folder: Path, mode: str = "MEAN_STD", config: ClassicActConfig = SMALL, seed: int = 0, **options: Any
) -> Written:
    """LeRobot 0.4 and later: scaling in processors."""
    torch.manual_seed(seed)
    act = ClassicAct(config, ClassicActFeatures(len(JOINTS), len(JOINTS), cameras=len(CAMERAS)))
    images = {IMAGES + camera: (HEIGHT, WIDTH) for camera in CAMERAS}
    options = {"normalization_mapping": dict.fromkeys(("VISUAL", "STATE", "ACTION"), mode), **options}
    written = Written(folder, act, statistics(seed))
    write_act_checkpoint(folder, act, images, written.statistics, **options)
    return written


def write_old_checkpoint(folder: Path, mode: str = "MEAN_STD", **options: Any) -> Written:
    """LeRobot before 0.4: scaling in buffers of the model, normalize_inputs.buffer_<feature>.<statistic>."""
    written = write_checkpoint(folder, mode, **options)
    for path in folder.glob("policy_*processor*"):
        path.unlink()
    names = {"MEAN_STD": ("mean", "std"), "MIN_MAX": ("min", "max"), "IDENTITY": ()}[mode]
    features = [IMAGES + camera for camera in CAMERAS] + [STATE]
    buffers = {
        f"{module}.buffer_{key.replace('.', '_')}.{name}": written.statistics[key][name]
        for module, keys in (
            ("normalize_inputs", features),
            ("normalize_targets", [ACTION]),
            ("unnormalize_outputs", [ACTION]),
        )
        for key in keys
        for name in names
    }
    written.edit_tensors(lambda tensors: tensors.update(buffers))
    return written
