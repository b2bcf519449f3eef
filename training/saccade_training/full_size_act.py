"""A full-size ACT with random weights, as a LeRobot checkpoint and as the bundle made of it: for bench/.

python -m saccade_training.full_size_act --out DIR

ResNet-18, three cameras of 640×480, 14 joints, chunks of 100, temporal ensembling: the size of ACT's paper.
DIR is the bundle; DIR/checkpoint is what LeRobot loads.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .classic_act import ClassicAct, ClassicActConfig, ClassicActFeatures
from .config import ConfigError, to_dict
from .import_lerobot import Choices, import_checkpoint
from .lerobot_checkpoint import ACTION, IMAGES, STATE
from .lerobot_pipeline import POSTPROCESSOR, PREPROCESSOR
from .policy import IMAGE_MEAN, IMAGE_STD
from .safetensors import write_safetensors

CAMERAS = {"wrist_left": "wrist_detail", "wrist_right": "wrist_detail", "overhead": "global_overview"}
WIDTH, HEIGHT, RATE_HZ = 640, 480, 50.0
SIDES = ("left", "right")
JOINTS = [
    f"{side}_{joint}"
    for side in SIDES
    for joint in ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper")
]

Statistics = Mapping[str, Mapping[str, Tensor]]


def write_act_checkpoint(
    folder: Path,
    act: ClassicAct,
    images: Mapping[str, tuple[int, int]],
    statistics: Statistics,
    **options: Any,
) -> None:
    """A checkpoint as LeRobot 0.4 and later save it.

    images: key → height, width; statistics: feature → statistic → values; options: keys of config.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    inputs = {key: {"type": "VISUAL", "shape": [3, *size]} for key, size in images.items()}
    inputs[STATE] = {"type": "STATE", "shape": [act.features.robot_state]}
    outputs = {ACTION: {"type": "ACTION", "shape": [act.features.action]}}
    config = {
        "type": "act",
        "n_obs_steps": 1,
        "input_features": inputs,
        "output_features": outputs,
        "device": "cpu",
        "normalization_mapping": dict.fromkeys(("VISUAL", "STATE", "ACTION"), "MEAN_STD"),
        "pretrained_backbone_weights": None,
        "n_action_steps": act.config.chunk_size,
        "temporal_ensemble_coeff": None,
        **to_dict(act.config),
        **options,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=4))
    write_safetensors(
        folder / "model.safetensors", {f"model.{key}": v for key, v in act.state_dict().items()}
    )

    mapping = config["normalization_mapping"]
    device = {"registry_name": "device_processor", "config": {"device": "cpu", "float_dtype": None}}
    before = [
        {"registry_name": "rename_observations_processor", "config": {"rename_map": {}}},
        {"registry_name": "to_batch_processor", "config": {}},
        device,
        normalizer("normalizer_processor", {**inputs, **outputs}, mapping),
    ]
    after = [normalizer("unnormalizer_processor", outputs, mapping), device]
    flat = {f"{key}.{name}": value for key, of in statistics.items() for name, value in of.items()}
    for file, steps in ((PREPROCESSOR, before), (POSTPROCESSOR, after)):
        name = file.removesuffix(".json")
        for i, step in enumerate(steps):
            if "normalizer" in step["registry_name"]:
                step["state_file"] = f"{name}_step_{i}_{step['registry_name']}.safetensors"
                write_safetensors(folder / step["state_file"], flat)
        (folder / file).write_text(json.dumps({"name": name, "steps": steps}, indent=2))


def normalizer(name: str, features: dict[str, Any], mapping: dict[str, str]) -> dict[str, Any]:
    return {"registry_name": name, "config": {"eps": 1e-8, "features": features, "norm_map": mapping}}


def write_full_size(out: Path, seed: int) -> dict[str, Any]:
    """Writes the checkpoint and the bundle; returns the bundle's manifest."""
    torch.manual_seed(seed)
    joints = len(JOINTS)
    act = ClassicAct(ClassicActConfig(), ClassicActFeatures(joints, joints, cameras=len(CAMERAS)))
    images = {IMAGES + name: (HEIGHT, WIDTH) for name in CAMERAS}
    colours = {"mean": torch.tensor(IMAGE_MEAN).view(3, 1, 1), "std": torch.tensor(IMAGE_STD).view(3, 1, 1)}
    vectors = {
        key: {"mean": torch.randn(joints) * 0.3, "std": 0.1 + torch.rand(joints)} for key in (STATE, ACTION)
    }
    checkpoint = out / "checkpoint"
    options = {"n_action_steps": 1, "temporal_ensemble_coeff": 0.01}
    write_act_checkpoint(checkpoint, act, images, {**dict.fromkeys(images, colours), **vectors}, **options)
    return import_checkpoint(checkpoint, out, Choices(rate_hz=RATE_HZ, joints=JOINTS, roles=CAMERAS))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write a full-size ACT with random weights.")
    parser.add_argument("--out", type=Path, required=True, help="bundle folder; the checkpoint goes inside")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    try:
        written = write_full_size(args.out, args.seed)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    parameters, parity = (written["provenance"][key] for key in ("architecture", "parity"))
    print(f"{args.out}: {parameters['parameters'] / 1e6:.1f} M parameters, parity {parity[ACTION]:.1e}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
