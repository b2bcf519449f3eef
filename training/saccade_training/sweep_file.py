"""The file of a sweep: a base config, tasks and rows that override it, training seeds, how to evaluate."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from .config import Config, ConfigError, build, from_dict, load_config, to_dict


@dataclass(frozen=True)
class Row:
    name: str
    group: str = ""
    like: str | None = None  # a row before it, whose overrides (and predicted figures) it starts from
    policy: dict[str, Any] = field(default_factory=dict)  # overrides of the base's sections
    train: dict[str, Any] = field(default_factory=dict)
    demonstrations: int | None = None  # the first so many episodes; without it all
    seeds: tuple[int, ...] = ()  # without them the sweep's
    predicted: str = ""  # what somebody expected, for the table
    tasks: tuple[str, ...] = ()  # the only ones it is for; without them all

    def __post_init__(self) -> None:
        if not self.name or any(c in self.name for c in "/\\ ."):
            raise ConfigError(f"name is {self.name!r}: give a text without spaces, dots and slashes")
        if self.demonstrations is not None and self.demonstrations < 1:
            raise ConfigError(f"demonstrations is {self.demonstrations}: give at least 1")


@dataclass(frozen=True)
class Task:
    robot: str  # contract, its path relative to the file
    policy: dict[str, Any] = field(default_factory=dict)  # what of the base it has otherwise


@dataclass(frozen=True)
class Evaluation:
    episodes: int = 100
    seed: int = 300_000  # the first of the evaluation's seeds
    strategy: str = "ensemble"
    workers: int = 1

    def __post_init__(self) -> None:
        for key in ("episodes", "workers"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key} is {getattr(self, key)}: give at least 1")


@dataclass(frozen=True)
class SweepFile:
    name: str
    base: str  # a training config; paths are relative to this file
    reference: str  # the row that ratios are against
    seeds: tuple[int, ...]
    evaluate: Evaluation
    tasks: dict[str, Task]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Trial:
    """One policy to train: a row's config with one seed. Rows of the same config share it."""

    row: str  # the first with this config
    seed: int
    config: Config
    demonstrations: int | None

    def folder(self, out: Path) -> Path:
        return out / self.row / f"seed-{self.seed}"


@dataclass(frozen=True)
class Sweep:
    """A sweep's file on one of its tasks."""

    file: SweepFile
    task: str
    robot: Path
    trials: dict[str, list[Trial]]  # of each row that is for the task


def load_sweep(path: Path, task: str | None = None) -> Sweep:
    """Reads and resolves it on that task, or on the file's first. Raises ConfigError, naming the file and the
    row, before anything is trained."""
    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist: give --sweep an existing file") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from error
    try:
        file = _build(raw)
        task = task or next(iter(file.tasks))
        if task not in file.tasks:
            raise ConfigError(f"tasks has no {task}: choose one of {', '.join(file.tasks)}")
        robot = path.parent / file.tasks[task].robot
        return Sweep(file, task, robot, _trials(file, task, load_config(path.parent / file.base)))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _build(raw: Any) -> SweepFile:
    keys = ("name", "base", "reference", "seeds", "evaluate", "tasks", "rows")
    for key in keys:
        if not isinstance(raw, dict) or key not in raw:
            raise ConfigError(f"{key} is missing: a sweep has {', '.join(keys)}")
    try:
        file: SweepFile = build(SweepFile, raw, "")
    except TypeError as error:  # a dataclass's own complaint about a key without a default
        raise ConfigError(f"a row lacks its name, or a task its robot ({error})") from error
    names = [row.name for row in file.rows]
    if len(set(names)) < len(names):
        raise ConfigError(f"rows has the name {next(n for n in names if names.count(n) > 1)} twice")
    if file.reference not in names:
        raise ConfigError(f"reference is {file.reference}, which is no row: choose one of {', '.join(names)}")
    for key in ("seeds", "tasks"):
        if not getattr(file, key):
            raise ConfigError(f"{key} is empty: give at least one")
    for row in file.rows:
        unknown = [task for task in row.tasks if task not in file.tasks]
        if unknown:
            raise ConfigError(f"row {row.name} is for {unknown[0]}, which is none of tasks")
        if row.name == file.reference and row.tasks:
            raise ConfigError(f"row {row.name} is the reference: it is for all tasks, so leave out its own")
    return file


def _trials(file: SweepFile, task: str, base: Config) -> dict[str, list[Trial]]:
    resolved: dict[str, Row] = {}
    owners: dict[str, str] = {}
    trials: dict[str, list[Trial]] = {}
    for row in file.rows:
        if row.like is not None:
            if row.like not in resolved:
                raise ConfigError(f"row {row.name} is like {row.like}, which is no row before it")
            other = resolved[row.like]
            row = replace(row, policy=merged(other.policy, row.policy), train=merged(other.train, row.train))
        resolved[row.name] = row
        if row.tasks and task not in row.tasks:
            continue
        policy = merged(file.tasks[task].policy, row.policy)
        overrides = {"name": row.name, "policy": policy, "train": row.train}
        try:
            config = from_dict(merged(to_dict(base), overrides))
        except ConfigError as error:
            raise ConfigError(f"row {row.name}: {error}") from error
        same = {"policy": to_dict(config.policy), "train": to_dict(config.train), "n": row.demonstrations}
        owner = owners.setdefault(json.dumps(same, sort_keys=True), row.name)
        config = replace(config, name=owner)
        trials[row.name] = [
            Trial(owner, seed, replace(config, train=replace(config.train, seed=seed)), row.demonstrations)
            for seed in row.seeds or file.seeds
        ]
    return trials


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`, mapping by mapping."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result
