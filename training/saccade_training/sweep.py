"""Trains, exports and evaluates every row of a sweep, and fills its table.

python -m saccade_training.sweep --sweep FILE.yaml --task NAME --data DATASET --out DIR [--rows NAME …]

Run it again and it goes on where it was: a policy that is trained, exported or evaluated is not so again.
Run it twice at once on the same DIR and the two share the work, a policy at a time.
Each row's policies lie under DIR/<row>/seed-<n>/: config.yaml, run/, bundle/, evaluation/.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import yaml

from .config import ConfigError, load_config, to_dict
from .contract import check_robot
from .dataset import Demonstrations
from .export import export
from .lerobot import LeRobotFolder
from .pictures import draw_pictures
from .run import Run
from .sweep_file import Sweep, Trial, load_sweep
from .sweep_table import Outcome, read_outcome, write_tables
from .train import Trainer

Say = Callable[[str], None]


class Datasets:
    """The demonstrations, decoded once for all trials that use as many of them."""

    def __init__(self, folder: Path, robot: Path) -> None:
        self.folder, self.robot = folder, robot
        self.count: int | None = None
        self.loaded: Demonstrations | None = None
        self.meta: LeRobotFolder | None = None

    def sha256(self, trial: Trial) -> str:
        """The dataset's; reads no frames."""
        if self.meta is None:
            self.meta = LeRobotFolder(self.folder, trial.config.data.cameras)
        return self.meta.sha256

    def first(self, trial: Trial) -> Demonstrations:
        if self.loaded is None or self.count != trial.demonstrations:
            self.loaded = None  # before the next are read: two do not fit into memory
            self.loaded = Demonstrations(self.folder, trial.demonstrations, trial.config.data.cameras)
            self.count = trial.demonstrations
            check_robot(self.loaded.source, self.robot)
            if trial.demonstrations is not None and self.loaded.episodes < trial.demonstrations:
                raise ConfigError(
                    f"row {trial.row} wants {trial.demonstrations} demonstrations, {self.folder} has "
                    f"{self.loaded.episodes}"
                )
        return self.loaded


def perform(
    trial: Trial, out: Path, data: Datasets, evaluation: Callable[[Path, Path], None], say: Say
) -> None:
    """Whatever of training, export and evaluation is not done yet."""
    folder = trial.folder(out)
    bundle, results = folder / "bundle", folder / "evaluation"
    write_config(trial, folder)
    if (bundle / "policy.yaml").exists():
        check_bundle(trial, bundle / "policy.yaml", data)
    else:
        run = Run.open(folder / "run")
        Trainer(trial.config, data.first(trial), run).train(say)
        export(run, bundle, f"{trial.row}-seed-{trial.seed}")
    if not (results / "summary.json").exists():
        unfinished = folder / ".evaluation"
        shutil.rmtree(unfinished, ignore_errors=True)
        evaluation(bundle, unfinished)
        unfinished.replace(results)


def write_config(trial: Trial, folder: Path) -> None:
    """Notes what is trained here. Raises ConfigError when something else is."""
    path = folder / "config.yaml"
    # read, and not compared as text: a key that has come since, and has its default, changes nothing
    if path.exists() and load_config(path) != trial.config:
        raise ConfigError(
            f"{path} is not what the sweep says now: give --out a new folder, or remove {folder}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(to_dict(trial.config), sort_keys=False))


def check_bundle(trial: Trial, manifest: Path, data: Datasets) -> None:
    """Raises ConfigError when the policy was trained on other demonstrations than the sweep's."""
    try:
        found = yaml.safe_load(manifest.read_text())["provenance"]["dataset"]
        sha256, episodes = found["dataset_sha256"], found["episodes"]
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"{manifest} is not what a sweep leaves ({error!r}): remove {manifest.parent}"
        ) from error
    if sha256 != data.sha256(trial) or trial.demonstrations not in (None, episodes):
        raise ConfigError(
            f"{manifest} was trained on other demonstrations than {data.folder} has, or on another number of "
            "them: give --out a new folder, or the --data it was trained on"
        )


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """Whether this process may work there: false while another does. A process that dies lets go."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".claimed").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def rollout(command: str, sweep: Sweep) -> Callable[[Path, Path], None]:
    """`saccade rollout` of a bundle into a folder."""
    evaluate = sweep.file.evaluate

    def run(bundle: Path, out: Path) -> None:
        asked = {
            "robot": sweep.robot,
            "policy": bundle,
            "task": sweep.task,
            "episodes": evaluate.episodes,
            "seed": evaluate.seed,
            "strategy": evaluate.strategy,
            "workers": evaluate.workers,
            "out": out,
        }
        arguments = [part for key, value in asked.items() for part in (f"--{key}", str(value))]
        try:
            done = subprocess.run(
                [*shlex.split(command), "rollout", *arguments, "--no-record"], capture_output=True, text=True
            )
        except OSError as error:
            raise ConfigError(
                f"--saccade {command} cannot be run ({error}): give the command that can"
            ) from error
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise ConfigError(f"saccade rollout of {bundle} failed: {' '.join(last)}")

    return run


def distinct(trials: Iterable[Trial]) -> list[Trial]:
    """Each once, those with the same demonstrations together."""
    once = {(trial.row, trial.seed): trial for trial in trials}
    return sorted(once.values(), key=lambda t: t.demonstrations or 0)


def estimate(trials: list[Trial], data: Datasets, steps: int, scratch: Path, say: Say) -> None:
    """Takes a few steps of each policy and says how long the rest would."""
    total = 0.0
    cost: dict[str, tuple[int, float]] = {}
    for trial in trials:
        if trial.row not in cost:
            trainer = Trainer(trial.config, data.first(trial), Run(scratch / "none"))
            trainer.take_step()  # the first also allocates
            before = time.perf_counter()
            for _ in range(steps):
                trainer.take_step()
            size = sum(p.numel() for p in trainer.policy.parameters())
            cost[trial.row] = size, (time.perf_counter() - before) / steps
        size, seconds = cost[trial.row]
        hours = seconds * trial.config.train.steps / 3600
        total += hours
        say(
            f"{trial.row} seed {trial.seed}: {size / 1e6:.2f} M parameters, {1000 * seconds:.0f} ms a step, "
            f"{hours:.2f} h for {trial.config.train.steps} steps"
        )
    say(f"{len(trials)} policies: {total:.1f} h of training")


def run_sweep(sweep: Sweep, names: list[str], args: argparse.Namespace, say: Say) -> None:
    trials = distinct(trial for name in names for trial in sweep.trials[name])
    data = Datasets(args.data, sweep.robot)
    if args.estimate:
        estimate(trials, data, args.estimate, args.out, say)
        return
    evaluation = rollout(args.saccade, sweep)
    for i, trial in enumerate(trials):
        at = f"[{i + 1}/{len(trials)}] {trial.row} seed {trial.seed}"
        with claimed(trial.folder(args.out)) as mine:
            say(at if mine else f"{at}: another process has it")
            if mine:
                perform(trial, args.out, data, evaluation, lambda line: say(f"  {line}"))
                write_tables(sweep, outcomes(sweep, args.out), args.out)
    draw_pictures(sweep, outcomes(sweep, args.out), args.data, args.out)
    say(write_tables(sweep, outcomes(sweep, args.out), args.out))  # another process may have added to it


def outcomes(sweep: Sweep, out: Path) -> dict[str, list[Outcome]]:
    """Of each row, those of its policies that are evaluated."""
    return {
        name: [
            read_outcome(sweep, t.seed, t.folder(out))
            for t in trials
            if (t.folder(out) / "evaluation").exists()
        ]
        for name, trials in sweep.trials.items()
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Train and evaluate every row of a sweep; resumes --out.")
    parser.add_argument("--sweep", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of a LeRobotDataset v3")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="only these (default: all)")
    parser.add_argument("--task", help="one of the file's (default: its first)")
    parser.add_argument("--saccade", default="npx saccade", help="the command (default: npx saccade)")
    parser.add_argument(
        "--estimate", type=int, metavar="STEPS", help="time so many steps of each row; no more"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the results as one machine-readable object"
    )
    args = parser.parse_args(argv)
    if args.estimate is not None and args.estimate < 1:
        parser.error(f"--estimate is {args.estimate}: give at least 1 step")
    say: Say = (lambda _line: None) if args.json else (lambda line: print(line, flush=True))
    try:
        sweep = load_sweep(args.sweep, args.task)
        unknown = [name for name in args.rows or [] if name not in sweep.trials]
        if unknown:
            raise ConfigError(f"--rows {unknown[0]} is no row of {args.sweep}: {', '.join(sweep.trials)}")
        run_sweep(sweep, args.rows or list(sweep.trials), args, say)
        if args.json and not args.estimate:
            print((args.out / "results.json").read_text())
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
