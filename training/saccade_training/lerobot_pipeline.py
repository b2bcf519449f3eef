"""How a LeRobot checkpoint scales, crops and resizes what it sees and commands.

Since LeRobot 0.4 that is in processor pipelines beside the policy (policy_preprocessor.json,
policy_postprocessor.json and the tensors they name); before, in buffers of the model itself. Both are read
into the same `Pipeline`. What cannot be reproduced exactly is refused: ConfigError names file and key.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import torch
from torch import Tensor

from .config import ConfigError
from .safetensors import read_safetensors

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


def read_pipelines(folder: Path, raw: dict[str, Any], tensors: dict[str, Tensor]) -> Pipeline:
    before, after = folder / PREPROCESSOR, folder / POSTPROCESSOR
    if not before.exists() and not after.exists():
        return read_buffers(folder, raw, tensors)
    pipeline = Pipeline()
    scaled: set[str] = set()  # the steps found that scale
    for step in read_steps(before):
        name, options = step.name, step.option
        if name == "rename_observations_processor":
            renamed = options("rename_map", {}, is_texts, "an object of names")
            pipeline.renamed = {new: old for old, new in renamed.items()}
        elif name == "image_crop_resize_processor":
            if scaled:
                raise ConfigError(
                    f"{before}: step {name} comes after the normalizer: only before it can be imported"
                )
            crops = options("crop_params_dict", {}, is_boxes, "an object of [top, left, height, width]")
            pipeline.crops = {key: Crop(*box) for key, box in crops.items()}
            resize = options("resize_size", None, is_size, "[height, width]")
            pipeline.resize = None if resize is None else tuple(resize)
        elif name == "normalizer_processor":
            scaled.add(name)
            pipeline.modes |= step.modes()
            pipeline.eps = options("eps", LEGACY_EPS, is_number, "a number")
            only = options("normalize_observation_keys", None, is_keys, "a list of names")
            pipeline.only = None if only is None else set(only)
            pipeline.inputs = statistics(folder, step)
        elif not harmless(step):
            raise ConfigError(
                f"{before}: step {name} cannot be imported: the graph would not do what it does"
            )
    for step in read_steps(after):
        if step.name == "unnormalizer_processor":
            scaled.add(step.name)
            pipeline.outputs = statistics(folder, step)
            pipeline.modes["ACTION"] = step.modes().get("ACTION", "IDENTITY")
        elif not harmless(step):
            raise ConfigError(
                f"{after}: step {step.name} cannot be imported: the graph would not do what it does"
            )
    mapping = raw.get("normalization_mapping")
    for name, file, kinds in (
        ("normalizer_processor", before, ("VISUAL", "STATE")),
        ("unnormalizer_processor", after, ("ACTION",)),
    ):
        unscaled = isinstance(mapping, dict) and all(mapping.get(kind) == "IDENTITY" for kind in kinds)
        if name not in scaled and not unscaled:
            raise ConfigError(
                f"{file} has no step {name}, though normalization_mapping in {folder / 'config.json'} does "
                f"not say IDENTITY for {' and '.join(kinds)}: copy the whole checkpoint"
            )
    return pipeline


@dataclass(frozen=True)
class Step:
    """One of a pipeline's."""

    file: Path
    name: str
    options: dict[str, Any]
    state_file: str | None

    def option(self, key: str, default: Any, fits: Callable[[Any], bool], what: str) -> Any:
        """The value of a key, or the default where it is missing or null; refuses what does not fit."""
        value = self.options.get(key)
        if value is None:
            return default
        if not fits(value):
            raise ConfigError(f"{self.file}: {key} of step {self.name} is {value!r}: it must be {what}")
        return value

    def modes(self) -> dict[str, str]:
        """A (un)normalizer's: VISUAL, STATE, ACTION → mode; as in LeRobot, one left out passes unchanged."""
        found = self.option("norm_map", None, is_texts, "an object of modes")
        if found is None:
            raise ConfigError(f"{self.file}: step {self.name} has no norm_map: copy the checkpoint again")
        return dict(found)


def is_number(value: Any) -> TypeGuard[float]:
    return type(value) in (int, float) and math.isfinite(value)


def is_keys(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(x, str) for x in value)


def is_texts(value: Any) -> TypeGuard[dict[str, str]]:
    return isinstance(value, dict) and is_keys(list(value.values()))


def is_whole(value: Any, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(type(n) is int and n >= 0 for n in value)


def is_size(value: Any) -> bool:
    return is_whole(value, 2) and min(value) > 0


def is_boxes(value: Any) -> bool:
    return isinstance(value, dict) and all(is_whole(box, 4) for box in value.values())


def read_steps(file: Path) -> list[Step]:
    advice = "copy it from where the checkpoint comes from"
    found = []
    steps = read_json(file, advice).get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise ConfigError(f"{file} has no list of steps: {advice}")
    for step in steps:
        name, options = step.get("registry_name") or step.get("class"), step.get("config") or {}
        state = step.get("state_file")
        if not isinstance(name, str) or not isinstance(options, dict):
            raise ConfigError(f"{file} has a step without a registry_name: {advice}")
        if not isinstance(state, str | None):
            raise ConfigError(f"{file}: state_file of step {name} is {state!r}, not a file's name: {advice}")
        found.append(Step(file, name, options, state))
    return found


def harmless(step: Step) -> bool:
    """Steps that move tensors about and change no value."""
    if step.name == "device_processor":
        return step.options.get("float_dtype") in (None, "float32", "float")
    return step.name == "to_batch_processor"


def statistics(folder: Path, step: Step) -> dict[str, dict[str, Tensor]]:
    """Of a (un)normalizer, by feature."""
    by_feature: dict[str, dict[str, Tensor]] = {}
    if step.state_file:
        for key, value in read_safetensors(folder / step.state_file).items():
            feature, _, name = key.rpartition(".")
            by_feature.setdefault(feature, {})[name] = value
    return by_feature


def read_buffers(folder: Path, raw: dict[str, Any], tensors: dict[str, Tensor]) -> Pipeline:
    """The layout before 0.4: normalize_inputs.buffer_<feature, dots as _>.<statistic> in the model itself."""
    mapping = raw.get("normalization_mapping")
    if not is_texts(mapping):
        raise ConfigError(
            f"{folder / 'config.json'} has no normalization_mapping of modes and {PREPROCESSOR} is missing: "
            "copy the whole checkpoint"
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
    """As LeRobot's (Un)NormalizerProcessorStep, but that a feature without statistics, which passes unchanged
    there, is refused: what a robot is told in no known unit must not move it."""
    mode = pipeline.modes.get(kind, "IDENTITY")
    skipped = pipeline.only is not None and kind != "ACTION" and feature not in pipeline.only
    if mode == "IDENTITY" or skipped:
        return Scaling.identity(size)
    if mode not in STATISTICS:
        raise ConfigError(
            f"{folder}: {feature} is normalised by {mode}, which is not known: "
            f"only {', '.join(STATISTICS)} and IDENTITY can be imported"
        )
    found = by_feature.get(feature, {})
    a, b = (statistic(folder, feature, name, found, size) for name in STATISTICS[mode])
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
