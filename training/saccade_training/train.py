"""Trains a policy: python -m saccade_training.train --config FILE --data DIR --out RUN_DIR [--max-minutes M]

Run again with the same RUN_DIR and it goes on from the last checkpoint. Every step seeds its own
randomness from (seed, step), so a resumed run takes exactly the steps an uninterrupted one would.
Under torchrun several processes share each step's batch (distributed.py).
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import functools
import math
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import __version__
from .config import Config, ConfigError, TrainConfig, from_dict, load_config, to_dict
from .contract import check_robot
from .dataset import Batch, Demonstrations, Shift, colour_jitter
from .distributed import Processes
from .plots import loss_curve
from .policy import Carried, PolicyOutput, SaccadePolicy, relative_joints
from .run import Run


def masked_l1(predicted: Tensor, target: Tensor, valid: Tensor, count: Tensor | None = None) -> Tensor:
    """Mean |error| over the joints of the steps that exist. [B, K, A], [B, K, A], [B, K] → [].

    count: of the steps that exist, where that is not this batch's own.
    """
    error = (predicted.float() - target).abs().mean(dim=-1)
    return (error * valid).sum() / (valid.sum() if count is None else count)


def learning_rate(config: TrainConfig, step: int, progress: float) -> float:
    """Linear warm-up in steps, then a cosine over the run's progress (0…1) down to lr·lr_final."""
    warm = min(1.0, (step + 1) / max(1, config.warmup_steps))
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return config.lr * warm * (config.lr_final + (1 - config.lr_final) * cosine)


def rows_of_step(rows: Tensor, batch: int, step: int, seed: int) -> Tensor:
    """The rows of a step: each epoch is a permutation of its own, the rest of its last batch dropped."""
    batch = min(batch, len(rows))
    per_epoch = len(rows) // batch
    epoch, place = divmod(step, per_epoch)
    order = _epoch_order(len(rows), seed * 1_000_003 + epoch)
    return rows[order[place * batch : (place + 1) * batch]]


@functools.lru_cache(maxsize=1)
def _epoch_order(length: int, seed: int) -> Tensor:
    return torch.randperm(length, generator=torch.Generator().manual_seed(seed))


@dataclass
class Split:
    train: Tensor  # rows
    validation: Tensor  # what is validated on: rows, or first rows of sequences
    train_episodes: list[int]
    validation_episodes: list[int]

    @staticmethod
    def of(data: Demonstrations, config: TrainConfig, sequence: int = 1) -> Split:
        """By episode: a held-out episode shares no frame with training."""
        order = torch.randperm(data.episodes, generator=torch.Generator().manual_seed(config.seed)).tolist()
        held_out = max(1, round(config.validation_fraction * data.episodes)) if data.episodes > 1 else 0
        validation, train = sorted(order[:held_out]), sorted(order[held_out:])
        held = validation or train
        units = data.windows(held, sequence) if sequence > 1 else data.rows_of(held)
        # spread evenly over the episodes
        stride = max(1, math.ceil(len(units) * sequence / config.validation_rows))
        return Split(data.rows_of(train), units[::stride], train, validation)


class Trainer:
    def __init__(
        self,
        config: Config,
        data: Demonstrations,
        run: Run,
        max_minutes: float | None = None,
        processes: Processes | None = None,
    ) -> None:
        if config.train.threads:
            torch.set_num_threads(config.train.threads)
        self.config, self.data, self.run = config, data, run
        self.processes = processes or Processes()
        self.max_seconds = None if max_minutes is None else 60 * max_minutes
        # rows of an episode that are one sample: a policy with a memory learns from sequences
        self.sequence = config.policy.memory.sequence if config.policy.memory.enabled else 1
        self.split = Split.of(data, config.train, self.sequence)
        self.units = self.split.train
        if self.sequence > 1:
            self.units = data.windows(self.split.train_episodes, self.sequence)
        self.batch = min(max(1, config.train.batch // self.sequence), len(self.units))  # units a step
        if self.batch % self.processes.count:
            raise ConfigError(
                f"a step has {self.batch} samples (train.batch, or as many as there are), which "
                f"{self.processes.count} processes cannot share evenly: give a multiple"
            )
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(config.train.seed)
        normalisation = data.normalisation(
            relative_joints(config.policy, data.joints), config.policy.act.chunk, self.split.train
        )
        self.policy = SaccadePolicy(config.policy, data.cameras, data.joints, normalisation).to(self.device)
        if not run.checkpoint.exists():
            self.policy.load_pretrained()
        self.model = self.processes.wrap(self.policy)
        self.average = copy.deepcopy(self.policy).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(
            self.policy.parameters(), lr=config.train.lr, weight_decay=config.train.weight_decay, fused=True
        )
        self.step = 0
        self.seconds = 0.0  # spent training so far, over all interruptions
        self.cpu_seconds = 0.0  # the same in CPU time of all processes, which other load does not stretch
        self.validation_l1: float | None = None
        self.best: dict[str, Any] | None = (
            None  # with patience: the best validation's step, L1 and averaged weights
        )
        self.worse = 0  # validations since
        if run.checkpoint.exists():
            self._resume(run.load())

    # -- state -----------------------------------------------------------------------------------------

    def _data(self) -> dict[str, Any]:
        source = self.data.source
        return {
            "cameras": [asdict(c) for c in self.data.cameras],
            "joints": self.data.joints,
            "rate_hz": self.data.rate_hz,
            "task": "; ".join(source.tasks),
            "robot": source.robot,
            "generator": source.generator,
            "seeds": [min(source.seeds), max(source.seeds)] if source.seeds else None,
            "episodes": self.data.episodes,
            "rows": len(self.data),
            "validation_episodes": self.split.validation_episodes,
            "dataset_sha256": source.sha256,
        }

    def state(self) -> dict[str, Any]:
        return {
            "config": to_dict(self.config),
            "data": self._data(),
            "policy": self.policy.state_dict(),
            "ema": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "validation_l1": self.validation_l1,
            "best": self.best,
            "worse": self.worse,
        }

    def _resume(self, state: dict[str, Any]) -> None:
        if from_dict(state["config"]).policy != self.config.policy:
            raise ConfigError(
                f"{self.run.folder} holds a run of another policy config: give --out a new folder"
            )
        now = self._data()
        # the split too: an episode once trained on must not come to validate
        for key in ("dataset_sha256", "cameras", "episodes", "validation_episodes"):
            if state["data"].get(key) != now[key]:
                raise ConfigError(
                    f"{self.run.folder} was trained on other demonstrations or another split of them ({key} "
                    "differs): give --out a new folder, or the --data, --episodes, train.seed and "
                    "train.validation_fraction it began with"
                )
        self.policy.load_state_dict(state["policy"])
        self.average.load_state_dict(state["ema"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.cpu_seconds = state["cpu_seconds"]
        self.validation_l1 = state["validation_l1"]
        if self.config.train.patience:  # without it the last weights count, whatever an earlier session kept
            self.best, self.worse = state["best"], state["worse"]

    # -- a step ----------------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        patience = self.config.train.patience
        return self.progress >= 1 or 0 < patience <= self.worse

    @property
    def progress(self) -> float:
        by_steps = self.step / self.config.train.steps
        return by_steps if self.max_seconds is None else max(by_steps, self.seconds / self.max_seconds)

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if not self.config.train.bf16:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def _batch(self, units: Tensor, shift: Shift | None = None) -> Batch:
        """Of rows, or of all rows of sequences, one sequence after the other."""
        length = self.config.policy.act.chunk
        if self.sequence == 1:
            return self.data.batch(units, length, shift).to(self.device)
        rows, exist = self.data.sequences(units, self.sequence)
        batch = self.data.batch(rows.flatten(), length, shift)
        batch.valid &= exist.flatten()[:, None]
        return batch.to(self.device)

    def _run(self, policy: torch.nn.Module, batch: Batch, state: Tensor, **training: Any) -> PolicyOutput:
        carried = Carried(batch.first.unflatten(0, (-1, self.sequence)), batch.command)
        with self._autocast():
            return policy(batch.current, batch.previous, state, carried=carried, **training)

    def take_step(self) -> dict[str, Tensor | float]:
        train, processes = self.config.train, self.processes
        # each process draws its own latent and dropout; the augmentation is drawn alike and shared out
        torch.manual_seed(train.seed * 1_000_003 + self.step + 7_368_787 * processes.rank)
        generator = torch.Generator().manual_seed(train.seed * 1_000_003 + self.step)
        units = rows_of_step(self.units, self.batch, self.step, train.seed)
        mine = torch.arange(len(units))[processes.rank :: processes.count]
        pick = mine.repeat_interleave(self.sequence)  # one augmentation a sequence
        cameras, augment = len(self.data.cameras), train.augment
        shift = Shift(augment.shift_px, cameras, len(units), generator, pick) if augment.shift_px else None
        colour = colour_jitter(augment, cameras, len(units), generator, pick)
        batch = self._batch(units[mine], shift)
        noise = torch.randn(len(units), self.sequence, batch.state.shape[1], generator=generator)[mine]
        noise = noise.flatten(0, 1).to(self.device)
        state = batch.state + augment.state_noise * noise * self.policy.state_std

        lr = learning_rate(train, self.step, self.progress)
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        self.model.train()
        out = self._run(self.model, batch, state, actions=batch.actions, valid=batch.valid, colour=colour)
        count = None if processes.count == 1 else processes.mean(batch.valid.sum().float())
        l1 = masked_l1(out.target, self.policy.target(batch.actions, state), batch.valid, count)
        kl = l1.new_zeros(()) if out.latent is None else out.latent.kl()
        loss = l1 + train.kl_weight * kl
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.policy.parameters(), train.clip_norm)
        self.optimiser.step()
        self.step += 1
        self._average()
        found = {"l1": processes.mean(l1.detach()), "kl": processes.mean(kl.detach())}
        return {**found, "grad_norm": norm, "lr": lr}

    @torch.no_grad()
    def _average(self) -> None:
        """An average that is young follows quickly."""
        decay = min(self.config.train.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.policy.parameters()), 1 - decay)

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """L1 of the averaged weights on held-out episodes: normalised, and per joint in rad (m)."""
        total, count = 0.0, 0
        by_joint = torch.zeros(len(self.data.joints), device=self.device)
        for units in self.split.validation.split(max(1, 256 // self.sequence)):
            b = self._batch(units)
            predicted = self._run(self.average, b, b.state).target.float()
            n = int(b.valid.sum())
            total += float(masked_l1(predicted, self.average.target(b.actions, b.state), b.valid)) * n
            error = (self.average.actions(predicted, b.state) - b.actions).abs()
            by_joint += (error * b.valid[..., None]).sum(dim=(0, 1))
            count += n
        self.validation_l1 = total / count
        joints = {j: round(float(e), 6) for j, e in zip(self.data.joints, by_joint / count, strict=True)}
        if self.config.train.patience:
            self._keep_best(self.validation_l1)
        return {"step": self.step, "validation_l1": self.validation_l1, "joint_error": joints}

    def _keep_best(self, l1: float) -> None:
        self.worse += 1
        if self.best is None or l1 < self.best["validation_l1"]:
            weights = {name: value.clone() for name, value in self.average.state_dict().items()}
            self.best, self.worse = {"step": self.step, "validation_l1": l1, "ema": weights}, 0

    # -- the run ---------------------------------------------------------------------------------------

    def train(self, say: Callable[[str], None]) -> None:
        """To the end of the schedule, or until validation has stopped getting better, saving as it goes."""
        train, leads = self.config.train, self.processes.leads
        before = saved = time.monotonic()
        resumed_at, resumed_seconds = self.step, self.seconds
        resumed_cpu, cpu_before = self.cpu_seconds, time.process_time()
        if leads:
            self.run.rewind_metrics(self.step)
        window: list[dict[str, Tensor | float]] = []  # what the steps since the last log line found
        while not self.done:
            window.append(self.take_step())
            self.seconds = self.processes.agreed(resumed_seconds + time.monotonic() - before, self.device)
            # they wait for each other at every step, so that one is as busy as another
            self.cpu_seconds = resumed_cpu + self.processes.count * (time.process_time() - cpu_before)
            last = self.progress >= 1
            if last or self.step % train.validate_every == 0:
                if leads:
                    validated = self.validate()
                self.worse = int(self.processes.agreed(self.worse, self.device))
                last = self.done
            if not leads:
                continue
            if last or self.step % train.log_every == 0:
                means = {
                    name: sum(float(found[name]) for found in window) / len(window) for name in window[0]
                }
                window = []
                self.run.log({"step": self.step, "seconds": round(self.seconds, 1), **means})
                self._report(say, means, (self.step - resumed_at) / (time.monotonic() - before))
            if last or self.step % train.validate_every == 0:
                self.run.log({**validated, "seconds": round(self.seconds, 1)})
                say(f"  validation L1 {validated['validation_l1']:.4f}  {validated['joint_error']}")
            if last or time.monotonic() - saved > 60 * train.checkpoint_minutes:
                self.run.save(self.state())
                loss_curve(self.run.read_metrics(), self.run.folder / "loss_curve.png")
                saved = time.monotonic()
        if self.best is not None:
            say(f"the best validation was that of step {self.best['step']}: export uses its weights")
        self.processes.wait()

    def _report(self, say: Callable[[str], None], means: dict[str, float], per_second: float) -> None:
        left = (self.config.train.steps - self.step) / per_second
        if self.max_seconds is not None:
            left = min(left, self.max_seconds - self.seconds)
        say(
            f"step {self.step}  L1 {means['l1']:.4f}  KL {means['kl']:.4f}  lr {means['lr']:.2e}  "
            f"{per_second * self.config.train.batch:.0f} samples/s  {max(0, left) / 60:.1f} min left"
        )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Train a policy; resumes RUN_DIR when it holds a checkpoint."
    )
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of a LeRobotDataset v3")
    parser.add_argument("--out", type=Path, required=True, help="run folder")
    parser.add_argument("--max-minutes", type=float, help="anneal and stop within this much training time")
    parser.add_argument("--episodes", type=int, help="use only the first N episodes")
    parser.add_argument("--robot", type=Path, help="robot contract that the dataset must fit")
    args = parser.parse_args(argv)
    if args.max_minutes is not None and not 0 < args.max_minutes < math.inf:
        parser.error(f"--max-minutes is {args.max_minutes}: give minutes above 0")
    if args.episodes is not None and args.episodes < 1:
        parser.error(f"--episodes is {args.episodes}: give at least 1")
    processes = Processes.join()
    try:
        run_command(args, processes)
    except ConfigError as error:
        if processes.leads:
            print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on from the last checkpoint", file=sys.stderr)
        return 130
    finally:
        processes.leave()
    return 0


def run_command(args: argparse.Namespace, processes: Processes) -> None:
    def say(line: str) -> None:
        if processes.leads:
            print(line, flush=True)

    config = load_config(args.config)
    say(f"reading {args.data}")
    before = time.monotonic()
    data = Demonstrations(args.data, args.episodes, config.data.cameras)
    if args.robot is not None:
        check_robot(data.source, args.robot)
    reading = time.monotonic() - before
    trainer = Trainer(config, data, Run(args.out), args.max_minutes, processes)
    if processes.leads:
        run = Run.open(args.out)  # only now, so that a refusal leaves no folder behind
        run.note_session(
            {
                "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                "from_step": trainer.step,
                "config": str(args.config.resolve()),
                "data": str(args.data.resolve()),
                "episodes": data.episodes,
                "rows": {"train": len(trainer.split.train), "validation": len(trainer.split.validation)},
                "max_minutes": args.max_minutes,
                "device": str(trainer.device),
                "processes": processes.count,
                "threads": torch.get_num_threads(),
                "cpus": os.cpu_count(),
                "versions": {
                    "saccade_training": __version__,
                    "python": platform.python_version(),
                    "torch": str(torch.__version__),
                },
            }
        )
    size = sum(p.numel() for p in trainer.policy.parameters()) / 1e6
    say(
        f"{data.episodes} episodes, {len(data)} rows ({len(trainer.split.train)} to train on), read in "
        f"{reading:.0f} s; "
        f"{size:.2f} M parameters; {trainer.device}, {torch.get_num_threads()} threads"
        + (f", {processes.count} processes; " if processes.count > 1 else "; ")
        + (f"resuming at step {trainer.step}" if trainer.step else "starting")
    )
    if trainer.done:
        say(f"{args.out} is trained already: export it, or raise train.steps (--max-minutes) to go on")
    trainer.train(say)


if __name__ == "__main__":
    sys.exit(main())
