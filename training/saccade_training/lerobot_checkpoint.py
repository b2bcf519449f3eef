"""A LeRobot ACT checkpoint: config.json, model.safetensors, and how its numbers are scaled
(lerobot_pipeline.py). What cannot be reproduced exactly is refused: ConfigError names file and key."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .classic_act import ClassicActConfig
from .config import ConfigError, build
from .lerobot_pipeline import PREPROCESSOR, Crop, Scaling, is_number, read_json, read_pipelines, scaling
from .safetensors import read_safetensors

STATE, ACTION, IMAGE, IMAGES = "observation.state", "action", "observation.image", "observation.images."


@dataclass(frozen=True)
class Camera:
    key: str  # what the policy calls it
    source: str  # what the robot calls it: the key before the pipeline renames it
    scaling: Scaling  # of [3] colours, for values in 0…1
    crop: Crop | None

    @property
    def name(self) -> str:
        return "image" if self.source == IMAGE else self.source.removeprefix(IMAGES)


@dataclass(frozen=True)
class Training:
    """train_config.json, where there is one."""

    facts: dict[str, Any] = field(default_factory=dict)  # seed, steps, batch_size
    repo_id: str | None = None
    root: str | None = None  # the dataset's folder then
    rate_hz: float | None = None
    task: str | None = None


@dataclass(frozen=True)
class Checkpoint:
    folder: Path
    config: ClassicActConfig
    cameras: list[Camera]
    size: tuple[int, int]  # height, width of the images the network sees
    resized: bool  # whether the pipeline brings them to that size
    joints: int
    state: Scaling
    action: Scaling
    n_action_steps: int
    temporal_ensemble_coeff: float | None
    weights: dict[str, Tensor]  # of ClassicAct
    unused: list[str]  # inputs that ACT leaves out
    train: Training

    @property
    def config_file(self) -> Path:
        return self.folder / "config.json"


def read_checkpoint(folder: Path) -> Checkpoint:
    if not (folder / "config.json").exists() and (folder / "pretrained_model" / "config.json").exists():
        folder = folder / "pretrained_model"  # a step of a training run
    file = folder / "config.json"
    raw = read_json(file, "give the folder of a LeRobot policy (config.json, model.safetensors)")
    check_kind(file, raw)
    images, joints, size, unused = read_features(file, raw)
    config = read_architecture(file, raw)
    steps, coefficient = read_strategy(file, raw, config)
    tensors = read_safetensors(folder / "model.safetensors")
    pipeline = read_pipelines(folder, raw, tensors)
    if pipeline.resize is not None and pipeline.resize != size:
        raise ConfigError(
            f"{folder / PREPROCESSOR} resizes images to {pipeline.resize}, but {file}: input_features has "
            f"them as {size}: they must be the same (height, width)"
        )
    cameras = [
        Camera(
            key,
            pipeline.renamed.get(key, key),
            scaling(folder, pipeline, pipeline.inputs, key, "VISUAL", 3),
            pipeline.crops.get(key),
        )
        for key in images
    ]
    return Checkpoint(
        folder=folder,
        config=config,
        cameras=cameras,
        size=size,
        resized=pipeline.resize is not None,
        joints=joints,
        state=scaling(folder, pipeline, pipeline.inputs, STATE, "STATE", joints),
        action=scaling(folder, pipeline, pipeline.outputs, ACTION, "ACTION", joints),
        n_action_steps=steps,
        temporal_ensemble_coeff=coefficient,
        weights=read_weights(folder / "model.safetensors", tensors),
        unused=unused,
        train=read_training(folder / "train_config.json"),
    )


def check_kind(file: Path, raw: dict[str, Any]) -> None:
    kind = raw.get("type")
    if kind is None:
        raise ConfigError(
            f"{file} has no key type: only policies saved by LeRobot 0.2 or newer can be imported"
        )
    if kind != "act":
        raise ConfigError(f"{file}: type is {kind!r}, only act can be imported: give an ACT checkpoint")
    if raw.get("use_peft"):
        raise ConfigError(f"{file}: use_peft is true: merge the adapter into the weights first")
    if raw.get("n_obs_steps", 1) != 1:
        raise ConfigError(f"{file}: n_obs_steps is {raw['n_obs_steps']}, ACT has 1: give an ACT checkpoint")


def read_training(file: Path) -> Training:
    raw = read_json(file, "") if file.exists() else {}
    sections: list[dict[str, Any]] = []
    for key in ("dataset", "env"):
        section = raw.get(key)
        if not isinstance(section, dict | None):
            raise ConfigError(f"{file}: {key} is {section!r}, not an object: copy it again, or remove it")
        sections.append(section or {})
    dataset, environment = sections
    for key, kinds, section in (
        ("repo_id", str, dataset),
        ("root", str, dataset),
        ("fps", (int, float), environment),
        ("task", str, environment),
    ):
        if section.get(key) is not None and not isinstance(section[key], kinds):
            raise ConfigError(f"{file}: {key} is {section[key]!r}: copy it again, or remove it")
    return Training(
        {key: raw[key] for key in ("seed", "steps", "batch_size") if key in raw},
        *(dataset.get("repo_id"), dataset.get("root"), environment.get("fps"), environment.get("task")),
    )


def read_features(file: Path, raw: dict[str, Any]) -> tuple[list[str], int, tuple[int, int], list[str]]:
    """The images' keys in the network's order, the number of joints, the images' height and width, and inputs
    that the network has no place for."""
    images: dict[str, list[int]] = {}
    vectors: dict[str, list[int]] = {}
    unused: list[str] = []
    for where in ("input_features", "output_features"):
        features = raw.get(where)
        if not isinstance(features, dict) or not features:
            raise ConfigError(f"{file} has no {where}: give a trained checkpoint")
        for key, feature in features.items():
            kind = feature.get("type") if isinstance(feature, dict) else None
            shape = feature.get("shape") if isinstance(feature, dict) else None
            if not isinstance(shape, list) or not all(isinstance(n, int) and n > 0 for n in shape):
                raise ConfigError(
                    f"{file}: {where}.{key} has no shape of whole numbers: copy the checkpoint again"
                )
            if where == "input_features" and kind == "VISUAL":
                images[key] = shape
            elif where == "input_features" and kind == "ENV":
                raise ConfigError(
                    f"{file}: {where}.{key} is the environment's state, which no robot can observe: "
                    "give a checkpoint trained on images and joints alone"
                )
            elif key == (STATE if where == "input_features" else ACTION):
                vectors[key] = shape
            elif where == "input_features":
                unused.append(key)
    for key, where in ((STATE, "input_features"), (ACTION, "output_features")):
        if len(vectors.get(key, [])) != 1:
            raise ConfigError(
                f"{file}: {where} has no vector {key}: the node feeds joints and commands joints"
            )
    (joints,), (actions,) = vectors[STATE], vectors[ACTION]
    if joints != actions:
        raise ConfigError(
            f"{file}: {STATE} has {joints} values, {ACTION} {actions}: the node feeds and commands the same "
            "joints"
        )
    if not images:
        raise ConfigError(f"{file}: input_features has no image: give a checkpoint trained on cameras")
    first = next(iter(images))
    for key, shape in images.items():
        if not key.removeprefix(IMAGES) or (not key.startswith(IMAGES) and key != IMAGE):
            raise ConfigError(f"{file}: input_features.{key} is an image, but not named {IMAGES}<camera>")
        if len(shape) != 3 or shape[0] != 3:
            raise ConfigError(
                f"{file}: input_features.{key} has shape {shape}: the node feeds images of 3 colours"
            )
        if shape != images[first]:
            raise ConfigError(
                f"{file}: input_features.{key} has shape {shape}, {first} {images[first]}: ACT takes "
                "cameras of one shape"
            )
    return list(images), joints, (images[first][1], images[first][2]), unused


def read_architecture(file: Path, raw: dict[str, Any]) -> ClassicActConfig:
    known = {f.name for f in fields(ClassicActConfig)}
    options = {key: value for key, value in raw.items() if key in known}
    if isinstance(options.get("replace_final_stride_with_dilation"), int):  # LeRobot declares it so
        options["replace_final_stride_with_dilation"] = bool(options["replace_final_stride_with_dilation"])
    try:
        return build(ClassicActConfig, options, "")
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error


def read_strategy(file: Path, raw: dict[str, Any], config: ClassicActConfig) -> tuple[int, float | None]:
    steps, coefficient = raw.get("n_action_steps", config.chunk_size), raw.get("temporal_ensemble_coeff")
    if type(steps) is not int or not 1 <= steps <= config.chunk_size:
        raise ConfigError(
            f"{file}: n_action_steps is {steps!r}: it must be a whole number from 1 to chunk_size, "
            f"{config.chunk_size}"
        )
    if coefficient is not None and (not is_number(coefficient) or steps != 1):
        raise ConfigError(
            f"{file}: temporal_ensemble_coeff is {coefficient!r} with n_action_steps {steps}: it must be a "
            "finite number, with n_action_steps 1"
        )
    return steps, None if coefficient is None else float(coefficient)


def read_weights(file: Path, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    weights = {
        key.removeprefix("model."): value.float()
        for key, value in tensors.items()
        if key.startswith("model.")
    }
    if not weights:
        raise ConfigError(f"{file} has no tensor of model.*: give an ACT policy's weights")
    broken = [key for key, value in weights.items() if not torch.isfinite(value).all()]
    if broken:
        raise ConfigError(
            f"{file}: model.{broken[0]} has values that are not finite: the training had diverged"
        )
    return weights
