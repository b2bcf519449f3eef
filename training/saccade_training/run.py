"""A run folder: what a training run leaves, written atomically, and read by resume and export."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .config import CameraSpec, Config, ConfigError, from_dict
from .policy import SaccadePolicy

# what a checkpoint holds (train.py)
STATE = (
    "config",
    "data",
    "policy",
    "ema",
    "optimiser",
    "step",
    "seconds",
    "cpu_seconds",
    "validation_l1",
    "best",
    "worse",
)


@dataclass
class Run:
    folder: Path

    @staticmethod
    def open(folder: Path) -> Run:
        """Makes the folder where it does not exist. Raises ConfigError when it cannot be written."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            Run(folder).metrics.touch()
        except OSError as error:
            raise ConfigError(f"--out {folder} cannot be written ({error}): give another folder") from error
        return Run(folder)

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.jsonl"

    def save(self, state: dict[str, Any]) -> None:
        temporary = self.folder / ".checkpoint.pt"
        torch.save(state, temporary)
        temporary.replace(self.checkpoint)

    def note_session(self, facts: dict[str, Any]) -> None:
        """Adds a start or a resumption to sessions.jsonl: when, from which step, with what."""
        with (self.folder / "sessions.jsonl").open("a") as file:
            file.write(json.dumps(facts) + "\n")

    def load(self) -> dict[str, Any]:
        if not self.checkpoint.exists():
            raise ConfigError(f"{self.checkpoint} does not exist: train into {self.folder} first")
        try:
            state: dict[str, Any] = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            missing = [key for key in STATE if key not in state]
        except Exception as error:  # a damaged file can raise nearly anything
            raise ConfigError(f"{self.checkpoint} is not a readable checkpoint: train again") from error
        if missing:
            raise ConfigError(
                f"{self.checkpoint} lacks {', '.join(missing)}, as those of another version do: use the "
                "version of saccade_training that wrote it, or train again into a new --out"
            )
        return state

    def log(self, record: dict[str, Any]) -> None:
        with self.metrics.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        # a line without its end was being written when the run was killed
        lines = self.metrics.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def rewind_metrics(self, step: int) -> None:
        """Forgets what was logged after the step that is resumed."""
        kept = [m for m in self.read_metrics() if m["step"] <= step]
        temporary = self.folder / ".metrics.jsonl"
        temporary.write_text("".join(json.dumps(m) + "\n" for m in kept))
        temporary.replace(self.metrics)


@dataclass(frozen=True)
class Chosen:
    """The averaged weights that validation and export use: the last, or with patience the best."""

    step: int
    validation_l1: float | None
    weights: dict[str, Any]

    @staticmethod
    def of(state: dict[str, Any]) -> Chosen:
        best = state["best"] or state
        return Chosen(best["step"], best["validation_l1"], best["ema"])


def restore(state: dict[str, Any]) -> tuple[Config, SaccadePolicy]:
    """The config and the policy of a checkpoint, with its averaged (EMA) weights, ready for inference."""
    config = from_dict(state["config"])
    cameras = [CameraSpec(**c) for c in state["data"]["cameras"]]
    policy = SaccadePolicy(config.policy, cameras, state["data"]["joints"])
    policy.load_state_dict(Chosen.of(state).weights)
    return config, policy.eval()
