"""A LeRobot ACT checkpoint: config.json, model.safetensors, and how its numbers are normalised.

Since LeRobot 0.4 a policy's scaling is in processor pipelines beside it (policy_preprocessor.json,
policy_postprocessor.json and the tensors they name); before, it was in buffers of the model itself. Both are
read into the same `Checkpoint`. What cannot be reproduced exactly is refused: ConfigError names file and key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .classic_act import ClassicActConfig
from .config import ConfigError, build
from .safetensors import read_safetensors

STATE, ACTION, IMAGE, IMAGES = "observation.state", "action", "observation.image", "observation.images."
PREPROCESSOR, POSTPROCESSOR = "policy_preprocessor.json", "policy_postprocessor.json"
# statistics a mode needs: low and high of the range that becomes −1…1, or mean and std
STATISTICS = {
    "MEAN_STD": ("mean", "std"),
    "MIN_MAX": ("min", "max"),
    "QUANTILES": ("q01", "q99"),
    "QUANTILE10": ("q10", "q90"),
}
LEGACY_EPS = 1e-8  # of the buffers; pipelines say theirs


@dataclass(frozen=True)
class Scaling:
    """normalised = (x − shift) · scale + offset, each element its own, and x = y · spread + centre back."""

    shift: Tensor
    scale: Tensor
    offset: float
    spread: Tensor
    centre: Tensor

    @staticmethod
    def identity(size: int) -> Scaling:
        zero, one = torch.zeros(size, dtype=torch.float64), torch.ones(size, dtype=torch.float64)
        return Scaling(zero, one, 0.0, one, zero)


@dataclass(frozen=True)
class Crop:
    top: int
    left: int
    height: int
    width: int


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
    train: dict[str, Any]  # train_config.json, where there is one

    @property
    def config_file(self) -> Path:
        return self.folder / "config.json"


@dataclass
class Pipeline:
    """What of a checkpoint's processors matters to a graph."""

    eps: float = LEGACY_EPS
    legacy: bool = False
    modes: dict[str, str] = field(default_factory=dict)  # VISUAL, STATE, ACTION → mode
    only: set[str] | None = None  # observations that are normalised; None: all
    inputs: dict[str, dict[str, Tensor]] = field(default_factory=dict)  # statistics, by feature
    outputs: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)  # policy's key → robot's
    crops: dict[str, Crop] = field(default_factory=dict)
    resize: tuple[int, int] | None = None


def read_checkpoint(folder: Path) -> Checkpoint:
    if not (folder / "config.json").exists() and (folder / "pretrained_model" / "config.json").exists():
        folder = folder / "pretrained_model"  # a step of a training run
    file = folder / "config.json"
    raw = read_json(file, "give the folder of a LeRobot policy (config.json, model.safetensors)")
    check_kind(file, raw)
    images, joints, size = read_features(file, raw)
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
    train = folder / "train_config.json"
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
        train=read_json(train, "") if train.exists() else {},
    )


def read_json(file: Path, advice: str) -> dict[str, Any]:
    try:
        raw = json.loads(file.read_text())
    except FileNotFoundError as error:
        raise ConfigError(f"{file} does not exist: {advice}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read as JSON ({error}): copy the checkpoint again") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{file} is not a JSON object: copy the checkpoint again")
    return raw


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


def read_features(file: Path, raw: dict[str, Any]) -> tuple[list[str], int, tuple[int, int]]:
    """The images' keys in the network's order, the number of joints, the images' height and width."""
    images: dict[str, list[int]] = {}
    vectors: dict[str, list[int]] = {}
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
        if not key.startswith(IMAGES) and key != IMAGE:
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
    return list(images), joints, (images[first][1], images[first][2])


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
    if coefficient is not None and (type(coefficient) not in (int, float) or steps != 1):
        raise ConfigError(
            f"{file}: temporal_ensemble_coeff is {coefficient!r} with n_action_steps {steps}: it must be a "
            "number, with n_action_steps 1"
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


def read_pipelines(folder: Path, raw: dict[str, Any], tensors: dict[str, Tensor]) -> Pipeline:
    before, after = folder / PREPROCESSOR, folder / POSTPROCESSOR
    if not before.exists() and not after.exists():
        return read_buffers(folder, raw, tensors)
    pipeline = Pipeline()
    normalised = False
    advice = "copy it from where the checkpoint comes from"
    for step in read_steps(before, advice):
        name, options = step_of(before, step)
        if name == "rename_observations_processor":
            pipeline.renamed = {new: old for old, new in (options.get("rename_map") or {}).items()}
        elif name == "image_crop_resize_processor":
            if normalised:
                raise ConfigError(
                    f"{before}: step {name} comes after the normalizer: only before it can be imported"
                )
            crops = options.get("crop_params_dict") or {}
            pipeline.crops = {key: Crop(*box) for key, box in crops.items()}
            pipeline.resize = tuple(options["resize_size"]) if options.get("resize_size") else None  # type: ignore[assignment]
        elif name == "normalizer_processor":
            normalised = True
            pipeline.modes = dict(options.get("norm_map") or {})
            pipeline.eps = float(options.get("eps", LEGACY_EPS))
            only = options.get("normalize_observation_keys")
            pipeline.only = None if only is None else set(only)
            pipeline.inputs = statistics(folder, step)
        elif not harmless(name, options):
            raise ConfigError(
                f"{before}: step {name} cannot be imported: the graph would not do what it does"
            )
    for step in read_steps(after, advice):
        name, options = step_of(after, step)
        if name == "unnormalizer_processor":
            pipeline.outputs = statistics(folder, step)
            pipeline.modes["ACTION"] = (options.get("norm_map") or {}).get("ACTION", "IDENTITY")
        elif not harmless(name, options):
            raise ConfigError(f"{after}: step {name} cannot be imported: the graph would not do what it does")
    return pipeline


def read_steps(file: Path, advice: str) -> list[dict[str, Any]]:
    steps = read_json(file, advice).get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise ConfigError(f"{file} has no list of steps: {advice}")
    return steps


def step_of(file: Path, step: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    options = step.get("config") or {}
    name = step.get("registry_name") or step.get("class")
    if not isinstance(name, str) or not isinstance(options, dict):
        raise ConfigError(f"{file} has a step without a registry_name: copy the checkpoint again")
    return name, options


def harmless(name: str, options: dict[str, Any]) -> bool:
    """Steps that move tensors about and change no value."""
    if name == "device_processor":
        return options.get("float_dtype") in (None, "float32", "float")
    return name == "to_batch_processor"


def statistics(folder: Path, step: dict[str, Any]) -> dict[str, dict[str, Tensor]]:
    """Of a (un)normalizer, by feature. Without a file of them it changes nothing, as in LeRobot."""
    by_feature: dict[str, dict[str, Tensor]] = {}
    if step.get("state_file"):
        for key, value in read_safetensors(folder / step["state_file"]).items():
            feature, _, name = key.rpartition(".")
            by_feature.setdefault(feature, {})[name] = value
    return by_feature


def read_buffers(folder: Path, raw: dict[str, Any], tensors: dict[str, Tensor]) -> Pipeline:
    """The layout before 0.4: normalize_inputs.buffer_<feature, dots as _>.<statistic> in the model itself."""
    mapping = raw.get("normalization_mapping")
    if not isinstance(mapping, dict):
        raise ConfigError(
            f"{folder / 'config.json'} has no normalization_mapping and {PREPROCESSOR} is missing: copy the "
            "whole checkpoint"
        )
    pipeline = Pipeline(legacy=True, modes=dict(mapping))
    features = [*raw["input_features"], *raw["output_features"]]
    for prefix, into in (("normalize_inputs", pipeline.inputs), ("unnormalize_outputs", pipeline.outputs)):
        for feature in features:
            start = f"{prefix}.buffer_{feature.replace('.', '_')}."
            found = {
                key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)
            }
            if found:
                into[feature] = found
    needed = [mode for mode in mapping.values() if mode != "IDENTITY"]
    if needed and not (pipeline.inputs or pipeline.outputs):
        raise ConfigError(
            f"{folder} has neither {PREPROCESSOR} nor normalize_inputs.* in model.safetensors, but "
            f"normalization_mapping asks for {needed[0]}: copy the whole checkpoint"
        )
    return pipeline


def scaling(
    folder: Path,
    pipeline: Pipeline,
    by_feature: dict[str, dict[str, Tensor]],
    feature: str,
    kind: str,
    size: int,
) -> Scaling:
    """As LeRobot's (Un)NormalizerProcessorStep: a feature without statistics passes unchanged there."""
    mode = pipeline.modes.get(kind, "IDENTITY")
    found = by_feature.get(feature)
    skipped = pipeline.only is not None and kind != "ACTION" and feature not in pipeline.only
    if mode == "IDENTITY" or skipped or (found is None and not pipeline.legacy):
        return Scaling.identity(size)
    if mode not in STATISTICS:
        raise ConfigError(
            f"{folder}: {feature} is normalised by {mode}, which is not known: "
            f"only {', '.join(STATISTICS)} and IDENTITY can be imported"
        )
    a, b = (statistic(folder, feature, name, found or {}, size) for name in STATISTICS[mode])
    eps = pipeline.eps
    if mode == "MEAN_STD":
        return Scaling(a, 1 / (b + eps), 0.0, b, a)
    span = b - a
    wide = span + eps if pipeline.legacy else torch.where(span == 0, torch.full_like(span, eps), span)
    back = span if pipeline.legacy else wide
    return Scaling(a, 2 / wide, -1.0, back / 2, a + back / 2)


def statistic(folder: Path, feature: str, name: str, found: dict[str, Tensor], size: int) -> Tensor:
    value = found.get(name)
    if value is None:
        raise ConfigError(f"{folder}: the statistic {feature}.{name} is missing: copy the whole checkpoint")
    value = value.double().reshape(-1)
    if value.numel() != size or not torch.isfinite(value).all():
        raise ConfigError(
            f"{folder}: the statistic {feature}.{name} must be {size} finite numbers: train with a dataset "
            "that has them"
        )
    return value
