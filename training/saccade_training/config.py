"""The configuration of a policy and its training: one YAML file, checked strictly on load."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

Role = Literal["wrist_detail", "wrist_context", "global_overview"]
ROLES: tuple[Role, ...] = typing.get_args(Role)
SALIENCY_GROUPS = 8  # saliency pooling weighs the channels in this many groups

# The document's directed edges of the cross-attention, query_from_key, in the order of concatenation.
EDGES: tuple[str, ...] = (
    "wrist_detail_from_global_overview",
    "wrist_detail_from_wrist_context",
    "wrist_context_from_global_overview",
    "wrist_context_from_wrist_detail",
    "global_overview_from_wrist_detail",
    "global_overview_from_wrist_context",
)


class ConfigError(Exception):
    """The user can mend this: the message names the file, the key and what to do."""


def _at_least(low: float, section: Any, *keys: str) -> None:
    for key in keys:
        value = getattr(section, key)
        if any(v < low for v in (value if isinstance(value, tuple) else (value,))):
            raise ConfigError(
                f"{key} is {value}: give {'values' if key == 'channels' else 'a value'} ≥ {low}"
            )


def _within(low: float, high: float, section: Any, *keys: str) -> None:
    for key in keys:
        value = getattr(section, key)
        if not low <= value <= high:
            raise ConfigError(f"{key} is {value}: give a value from {low} to {high}")


def _divides(section: Any, width: str) -> None:
    d, heads = getattr(section, width), section.heads
    if d % heads:
        raise ConfigError(f"heads is {heads}, which does not divide {width} {d}: choose one that does")


def _groups(channels: tuple[int, ...]) -> None:
    if not channels or any(width % max(1, width // 8) for width in channels):
        raise ConfigError(f"channels is {list(channels)}: give multiples of 8, for the group norms")


@dataclass(frozen=True)
class CameraSpec:
    name: str
    role: Role
    width: int
    height: int


@dataclass(frozen=True)
class BackboneConfig:
    name: Literal["compact", "resnet18"] = "compact"
    # compact only: output channels and stride of each 3×3 convolution
    channels: tuple[int, ...] = (16, 32, 64, 64)
    strides: tuple[int, ...] = (2, 2, 2, 1)
    # one backbone for all cameras; by default each has its own, since each sees different things
    shared: bool = False
    # resnet18 only: a file with torchvision's ImageNet weights (a state dict); none trains from scratch
    weights: str | None = None

    def __post_init__(self) -> None:
        if len(self.channels) != len(self.strides):
            raise ConfigError(
                f"channels has {len(self.channels)} values, strides {len(self.strides)}: give as many of each"
            )
        _at_least(1, self, "channels", "strides")
        _groups(self.channels)
        if self.name == "compact" and self.weights is not None:
            raise ConfigError("weights is for resnet18: remove it or set name to resnet18")


@dataclass(frozen=True)
class FlowConfig:
    method: Literal["off", "lucas_kanade", "raft_small"] = "lucas_kanade"
    range_px: float = 20.0  # flow is clamped to ±range_px full-resolution pixels, and divided by it
    # Lucas–Kanade
    scale: float = 0.5  # resolution it works at, as a fraction of the camera's
    levels: int = 3
    iterations: int = 2
    window: int = 7
    regularisation: float = 1e-4
    # raft_small
    weights: str | None = None  # a file with torchvision's raft_small weights (a state dict)
    updates: int = 12  # recurrent refinements
    # FlowBackbone: channels of its four convolutions (the last is `hidden`)
    channels: tuple[int, int, int, int] = (64, 128, 256, 512)
    fusion: Literal["concat", "alpha", "attention"] = "concat"

    def __post_init__(self) -> None:
        _within(10, 40, self, "range_px")
        _within(0.125, 1, self, "scale")
        _at_least(1, self, "levels", "iterations", "window", "updates", "channels")
        if self.window % 2 == 0:
            raise ConfigError(f"window is {self.window}: give an odd number")
        if self.regularisation <= 0:
            raise ConfigError(f"regularisation is {self.regularisation}: give a value above 0")
        if self.method == "raft_small" and self.weights is None:
            raise ConfigError(
                "weights is missing: method raft_small needs a file with torchvision's raft_small weights; "
                "give one or set method to lucas_kanade, which needs none"
            )


@dataclass(frozen=True)
class MpConfig:
    enabled: bool = True
    patch: int = 16
    dim: int = 64
    depth: int = 1
    heads: int = 4
    fusion: Literal["fc", "mlp", "attention", "gating"] = "fc"
    cls_fusion: Literal["linear", "mlp", "attention", "gating"] = "linear"
    weights: Literal["separate", "shared"] = "separate"
    # what is made of the two streams' tokens: (A) averages, (B) averages_fc, (C) pixelwise or (D) all_patches
    aggregation: Literal["averages", "averages_fc", "pixelwise", "all_patches"] = "pixelwise"
    # pixelwise only: the fused patches are added to the image map, or are tokens of their own
    patches: Literal["map", "tokens"] = "map"
    # a file with pre-trained encoders, written by saccade_training.pretrain; none trains from scratch
    encoders: str | None = None
    frozen: bool = False  # the two ViTs keep the weights they start with

    def __post_init__(self) -> None:
        _at_least(1, self, "patch", "dim", "depth", "heads")
        _divides(self, "dim")
        same = {"fc": "linear"}.get(self.fusion, self.fusion)
        if self.weights == "shared" and same != self.cls_fusion:
            raise ConfigError(
                f"weights is shared, but fusion is {self.fusion} and cls_fusion {self.cls_fusion}: "
                "make them the same mechanism or set weights to separate"
            )
        if self.frozen and self.encoders is None:
            raise ConfigError(
                "frozen is true without encoders: give a file of pre-trained ones, or set it to false"
            )


@dataclass(frozen=True)
class CamerasConfig:
    # plain: every position of the feature map is a token, as in ACT, and no camera attends to another
    mode: Literal["spatial", "pooled", "plain"] = "spatial"
    # spatial and pooled: who attends to whom, by role; an edge counts where the cameras have both roles
    edges: tuple[str, ...] = EDGES
    # how a cell of the role's grid is read from the feature map: the mean of its positions, or a mean
    # weighted by a learned saliency that starts out uniform (and so as exactly the mean)
    pooling: Literal["average", "saliency"] = "average"
    grids: dict[str, int] = field(
        default_factory=lambda: {"wrist_detail": 6, "wrist_context": 4, "global_overview": 2}
    )
    heads: int = 4
    dropout: float = 0.1
    # vectors that are tiled over each camera's feature map: the measured state, the last command
    broadcast: tuple[Literal["state", "command"], ...] = ()

    def __post_init__(self) -> None:
        known = [f"{query}_from_{key}" for query in ROLES for key in ROLES]
        for key, values, choices in (("edges", self.edges, known), ("broadcast", self.broadcast, None)):
            if len(set(values)) < len(values):
                raise ConfigError(f"{key} is {list(values)}: name each once")
            wrong = [value for value in values if choices and value not in choices]
            if wrong:
                raise ConfigError(
                    f"{key} has {wrong[0]!r}: give query_from_key with the roles {', '.join(ROLES)}"
                )
        if set(self.grids) != set(ROLES) or min(self.grids.values()) < 1:
            raise ConfigError(f"grids is {self.grids}: give a side ≥ 1 for each of {', '.join(ROLES)}")
        _at_least(1, self, "heads")
        _within(0, 0.9, self, "dropout")


@dataclass(frozen=True)
class ActConfig:
    d: int = 128
    heads: int = 4
    encoder_layers: int = 2
    decoder_layers: int = 2
    ffn: int = 256
    chunk: int = 20
    dropout: float = 0.1
    cvae: bool = True
    cvae_layers: int = 1
    latent: int = 16
    # a discrete latent in place of the Gaussian one: vq_class variables, each one of vq_dim codes
    vq: bool = False
    vq_class: int = 8
    vq_dim: int = 8
    # joints are predicted relative to where they were measured at the observation, all but `absolute`
    relative: bool = True
    absolute: tuple[str, ...] = ("gripper",)

    def __post_init__(self) -> None:
        _at_least(
            1, self, "d", "heads", "encoder_layers", "decoder_layers", "ffn", "chunk", "cvae_layers", "latent"
        )
        _at_least(1, self, "vq_class")
        _at_least(2, self, "vq_dim")
        if self.vq and not self.cvae:
            raise ConfigError("vq is true, but cvae false: set both to true, or vq to false")
        _within(0, 0.9, self, "dropout")
        _divides(self, "d")
        if self.d % 4:
            raise ConfigError(f"d is {self.d}: give a multiple of 4, for sines and cosines of x and y")


@dataclass(frozen=True)
class MemoryConfig:
    enabled: bool = False
    length: int = 128  # steps of the past that are kept
    layers: int = 1
    heads: int = 4
    sequence: int = 128  # rows of an episode that are trained on as one sequence

    def __post_init__(self) -> None:
        _at_least(1, self, "length", "layers", "heads", "sequence")


@dataclass(frozen=True)
class PolicyConfig:
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    flow: FlowConfig = field(default_factory=FlowConfig)
    mp: MpConfig = field(default_factory=MpConfig)
    cameras: CamerasConfig = field(default_factory=CamerasConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    act: ActConfig = field(default_factory=ActConfig)

    def __post_init__(self) -> None:
        d = self.act.d
        for key, heads in (("cameras", self.cameras.heads), ("memory", self.memory.heads)):
            if d % heads and (key == "cameras" or self.memory.enabled):
                raise ConfigError(
                    f"{key}.heads is {heads}, which does not divide act.d {d}: choose one that does"
                )
        if self.cameras.pooling == "saliency" and d % SALIENCY_GROUPS:
            raise ConfigError(
                f"act.d is {d}: give a multiple of {SALIENCY_GROUPS}, or set cameras.pooling to average"
            )


@dataclass(frozen=True)
class DataConfig:
    # camera of the dataset → its role; those named are used. Empty: what meta/saccade.json says
    cameras: dict[str, Role] = field(default_factory=dict)


@dataclass(frozen=True)
class AugmentConfig:
    shift_px: int = 4
    brightness: float = 0.1  # added to all channels, uniform in ±
    contrast: float = 0.15  # gain about 1, uniform in ±, shared by the channels
    channel_gain: float = 0.05  # gain about 1, uniform in ±, each channel its own
    state_noise: float = 0.02  # standard deviation, in units of the state's own standard deviation

    def __post_init__(self) -> None:
        _at_least(0, self, "shift_px", "brightness", "contrast", "channel_gain", "state_noise")


@dataclass(frozen=True)
class TrainConfig:
    seed: int = 1
    batch: int = 64
    steps: int = 30_000
    lr: float = 5e-4
    lr_final: float = 0.01  # the learning rate's last value, as a fraction of lr
    warmup_steps: int = 300
    weight_decay: float = 1e-4
    clip_norm: float = 1.0
    kl_weight: float = 10.0
    ema: float = 0.999
    validation_fraction: float = 0.05
    validation_rows: int = 1024
    validate_every: int = 1000
    patience: int = 0  # validations without a better one after which training stops; 0: never
    checkpoint_minutes: float = 3.0
    log_every: int = 50
    threads: int = 0  # 0: PyTorch's choice
    bf16: bool = False  # autocast to bfloat16
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        _at_least(1, self, "batch", "steps", "validation_rows", "validate_every", "log_every")
        _at_least(
            0,
            self,
            *(
                "seed",
                "warmup_steps",
                "weight_decay",
                "kl_weight",
                "patience",
                "checkpoint_minutes",
                "threads",
            ),
        )
        _within(0, 1, self, "lr_final", "ema")
        _within(0, 0.9, self, "validation_fraction")
        for key in ("lr", "clip_norm"):
            if getattr(self, key) <= 0:
                raise ConfigError(f"{key} is {getattr(self, key)}: give a value above 0")


@dataclass(frozen=True)
class PretrainConfig:
    """Of saccade_training.pretrain; the encoders themselves are policy.mp's."""

    seed: int = 1
    batch: int = 32
    steps: int = 2000
    lr: float = 5e-4
    weight_decay: float = 1e-4
    log_every: int = 50
    # dino
    global_px: int = 80  # sides of the crops; multiples of policy.mp.patch
    local_px: int = 48
    locals: int = 2  # local crops beside the global one
    static: float = 0.3  # share of the clips in which nothing changes
    prototypes: int = 256
    momentum: float = 0.996  # of the teacher
    # video
    horizon: int = 10  # predicts 1 … horizon rows ahead
    channels: tuple[int, ...] = (16, 32, 64)  # of the U-Net, each level at half the resolution

    def __post_init__(self) -> None:
        _at_least(
            1, self, "batch", "steps", "log_every", "global_px", "local_px", "locals", "horizon", "channels"
        )
        _at_least(0, self, "seed", "weight_decay")
        _at_least(2, self, "prototypes")
        _groups(self.channels)
        _within(0, 1, self, "static", "momentum")
        if self.lr <= 0:
            raise ConfigError(f"lr is {self.lr}: give a value above 0")


@dataclass(frozen=True)
class Config:
    name: str = "policy"
    data: DataConfig = field(default_factory=DataConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    pretrain: PretrainConfig = field(default_factory=PretrainConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


def load_config(path: Path) -> Config:
    """Reads a YAML config. Raises ConfigError for an unknown key or a value of the wrong kind."""
    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist: give --config an existing file") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} cannot be read as YAML: {reason}") from error
    try:
        return from_dict(raw or {})
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def from_dict(raw: dict[str, Any]) -> Config:
    return build(Config, raw, "")


def to_dict(config: Any) -> dict[str, Any]:
    """Plain data: tuples become lists, so that YAML and JSON read back the same."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(v) for v in value]
        return value

    return plain(dataclasses.asdict(config))


def build(kind: Any, raw: Any, where: str) -> Any:
    """A dataclass from plain data. Raises ConfigError naming `where` + key for what it cannot take."""
    if not isinstance(raw, dict):
        raise ConfigError(f"{where.rstrip('.') or 'the file'} must be a mapping of keys to values")
    hints = typing.get_type_hints(kind)
    for key in raw:
        if key not in hints:
            raise ConfigError(f"{where}{key} is not a known key: use one of {', '.join(hints)}")
    values = {key: _convert(hints[key], value, f"{where}{key}") for key, value in raw.items()}
    try:
        return kind(**values)
    except ConfigError as error:  # a section's own check, which does not know where the section is
        raise ConfigError(f"{where}{error}") from error


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return build(hint, value, f"{where}.")
    if hint is Any:
        return value
    if origin is Literal:
        if value is False and "off" in args:  # YAML reads off as false
            value = "off"
        if value not in args:
            raise ConfigError(f"{where} is {value!r}: choose one of {', '.join(map(str, args))}")
        return value
    if origin is tuple and isinstance(value, list):
        if args[-1] is not Ellipsis and len(value) != len(args):
            raise ConfigError(f"{where} has {len(value)} values: give {len(args)}")
        return tuple(_convert(args[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {k: _convert(args[1], v, f"{where}.{k}") for k, v in value.items()}
    if origin is types.UnionType:
        return None if value is None else _convert(args[0], value, where)
    if hint is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if hint in (int, bool, str) and type(value) is hint:
        return value
    raise ConfigError(
        f"{where} is {value!r}: give {_KINDS.get(hint, 'a list' if origin is tuple else 'a mapping')}"
    )


_KINDS = {float: "a finite number", int: "a whole number", bool: "true or false", str: "a text"}
