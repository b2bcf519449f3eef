"""The file of pre-trained two-stream encoders: what `pretrain` leaves and `policy.mp.encoders` names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .config import ConfigError, MpConfig, to_dict
from .two_stream import TwoStreamEncoder, resized

# of MpConfig: what the encoders' weights depend on, and what those of the fusion do beside it
SIZES = ("patch", "dim", "depth", "heads")
FUSION = ("aggregation", "fusion", "cls_fusion", "weights")


def save_encoders(encoder: TwoStreamEncoder, config: MpConfig, path: Path) -> None:
    temporary = path.with_name(f".{path.name}")
    state = {name: value.cpu() for name, value in encoder.state_dict().items()}
    torch.save({"mp": to_dict(config), "grid": list(encoder.grid), "encoder": state}, temporary)
    temporary.replace(path)


def load_encoders(encoder: TwoStreamEncoder, config: MpConfig) -> None:
    """Takes both ViTs from the file that the config names, positions interpolated to this size of frames; the
    fusion too, where it is the same. Raises ConfigError naming the key and the file."""
    assert config.encoders is not None
    saved, grid, state = _read(config.encoders)
    for key in SIZES:
        if saved.get(key) != getattr(config, key):
            raise ConfigError(
                f"mp.encoders names {config.encoders}, whose {key} is {saved.get(key)}: mp.{key} is "
                f"{getattr(config, key)}, make them the same"
            )
    same_fusion = all(saved.get(key) == getattr(config, key) for key in FUSION)
    wanted = encoder.state_dict()
    for name, value in state.items():
        if name.endswith("_encoder.position") and grid != encoder.grid:
            value = resized(value, grid, encoder.grid)
        if same_fusion or not name.startswith("aggregate."):
            wanted[name] = value
    try:
        encoder.load_state_dict(wanted)
    except RuntimeError as error:
        raise _other(config.encoders) from error


def _read(path: str) -> tuple[dict[str, Any], tuple[int, int], dict[str, Any]]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        rows, columns = content["grid"]
        return dict(content["mp"]), (rows, columns), dict(content["encoder"])
    except FileNotFoundError as error:
        raise ConfigError(
            f"mp.encoders names {path}, which does not exist: give the encoders.pt of a pre-training run"
        ) from error
    except Exception as error:  # a file that is something else can raise nearly anything
        raise _other(path) from error


def _other(path: str) -> ConfigError:
    return ConfigError(
        f"mp.encoders names {path}, which does not hold pre-trained encoders: give the encoders.pt of a "
        "pre-training run"
    )
