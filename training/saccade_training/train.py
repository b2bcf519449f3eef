"""Trains a policy: python -m saccade_training.train --config FILE --data DIR --out RUN_DIR [--max-minutes M]

Run again with the same RUN_DIR and it goes on from the last checkpoint. Every step seeds its own
randomness from (seed, step), so a resumed run takes exactly the steps an uninterrupted one would.
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
from .dataset import Batch, Demonstrations, Shift, colour_jitter
from .plots import loss_curve
from .policy import SaccadePolicy, relative_joints
from .run import Run


def masked_l1(predicted: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean |error| over the joints of the steps that exist. [B, K, A], [B, K, A], [B, K] → []."""
    error = (predicted.float() - target).abs().mean(dim=-1)
    return (error * valid).sum() / valid.sum()


def kl_divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(q(z|·) ‖ N(0, 1)), summed over the latent, mean over the batch."""
    mu, logvar = mu.float(), logvar.float()
    return -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(dim=1).mean()


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
    validation: Tensor
    validation_episodes: list[int]

    @staticmethod
    def of(data: Demonstrations, config: TrainConfig) -> Split:
        """By episode: a held-out episode shares no frame with training."""
        order = torch.randperm(data.episodes, generator=torch.Generator().manual_seed(config.seed)).tolist()
        held_out = max(1, round(config.validation_fraction * data.episodes)) if data.episodes > 1 else 0
        validation, train = sorted(order[:held_out]), sorted(order[held_out:])
        rows = data.rows_of(validation or train)
        stride = max(1, math.ceil(len(rows) / config.validation_rows))  # spread evenly over the episodes
        return Split(data.rows_of(train), rows[::stride], validation)


class Trainer:
    def __init__(
        self, config: Config, data: Demonstrations, run: Run, max_minutes: float | None = None
    ) -> None:
        self.config, self.data, self.run = config, data, run
        self.max_seconds = None if max_minutes is None else 60 * max_minutes
        self.split = Split.of(data, config.train)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(config.train.seed)
        normalisation = data.normalisation(
            relative_joints(config.policy, data.joints), config.policy.act.chunk, self.split.train
        )
        self.policy = SaccadePolicy(config.policy, data.cameras, data.joints, normalisation).to(self.device)
        if not run.checkpoint.exists():
            self.policy.load_pretrained()
        self.average = copy.deepcopy(self.policy).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(
            self.policy.parameters(), lr=config.train.lr, weight_decay=config.train.weight_decay, fused=True
        )
        self.step = 0
        self.seconds = 0.0  # spent training so far, over all interruptions
        self.validation_l1: float | None = None
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
            "validation_l1": self.validation_l1,
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
        self.validation_l1 = state["validation_l1"]

    # -- a step ----------------------------------------------------------------------------------------

    @property
    def progress(self) -> float:
        by_steps = self.step / self.config.train.steps
        return by_steps if self.max_seconds is None else max(by_steps, self.seconds / self.max_seconds)

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if not self.config.train.bf16:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def _batch(self, rows: Tensor, shift: Shift | None = None) -> Batch:
        b = self.data.batch(rows, self.config.policy.act.chunk, shift)
        if self.device.type == "cpu":
            return b
        send = self.device
        return Batch(
            [x.to(send) for x in b.current],
            [x.to(send) for x in b.previous],
            b.state.to(send),
            b.actions.to(send),
            b.valid.to(send),
        )

    def take_step(self) -> dict[str, Tensor | float]:
        train = self.config.train
        torch.manual_seed(train.seed * 1_000_003 + self.step)
        generator = torch.Generator().manual_seed(train.seed * 1_000_003 + self.step)
        rows = rows_of_step(self.split.train, train.batch, self.step, train.seed)
        cameras, augment = len(self.data.cameras), train.augment
        shift = Shift(augment.shift_px, cameras, len(rows), generator) if augment.shift_px else None
        colour = colour_jitter(augment, cameras, len(rows), generator)
        batch = self._batch(rows, shift)
        noise = torch.randn(batch.state.shape, generator=generator).to(self.device)
        state = batch.state + augment.state_noise * noise * self.policy.state_std

        lr = learning_rate(train, self.step, self.progress)
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        self.policy.train()
        with self._autocast():
            out = self.policy(batch.current, batch.previous, state, batch.actions, batch.valid, colour)
        l1 = masked_l1(out.target, self.policy.target(batch.actions, state), batch.valid)
        kl = l1.new_zeros(()) if out.mu is None or out.logvar is None else kl_divergence(out.mu, out.logvar)
        loss = l1 + train.kl_weight * kl
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.policy.parameters(), train.clip_norm)
        self.optimiser.step()
        self.step += 1
        self._average()
        return {"l1": l1.detach(), "kl": kl.detach(), "grad_norm": norm, "lr": lr}

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
        for rows in self.split.validation.split(256):
            b = self._batch(rows)
            with self._autocast():
                predicted = self.average(b.current, b.previous, b.state).target.float()
            n = int(b.valid.sum())
            total += float(masked_l1(predicted, self.average.target(b.actions, b.state), b.valid)) * n
            error = (self.average.actions(predicted, b.state) - b.actions).abs()
            by_joint += (error * b.valid[..., None]).sum(dim=(0, 1))
            count += n
        self.validation_l1 = total / count
        joints = {j: round(float(e), 6) for j, e in zip(self.data.joints, by_joint / count, strict=True)}
        return {"step": self.step, "validation_l1": self.validation_l1, "joint_error": joints}

    # -- the run ---------------------------------------------------------------------------------------

    def train(self, say: Callable[[str], None]) -> None:
        """To the end of the schedule, saving as it goes."""
        train = self.config.train
        before = saved = time.monotonic()
        resumed_at, resumed_seconds = self.step, self.seconds
        self.run.rewind_metrics(self.step)
        window: list[dict[str, Tensor | float]] = []  # what the steps since the last log line found
        while self.progress < 1:
            window.append(self.take_step())
            self.seconds = resumed_seconds + time.monotonic() - before
            last = self.progress >= 1
            if last or self.step % train.log_every == 0:
                means = {
                    name: sum(float(found[name]) for found in window) / len(window) for name in window[0]
                }
                window = []
                self.run.log({"step": self.step, "seconds": round(self.seconds, 1), **means})
                self._report(say, means, (self.step - resumed_at) / (time.monotonic() - before))
            if last or self.step % train.validate_every == 0:
                found = self.validate()
                self.run.log({**found, "seconds": round(self.seconds, 1)})
                say(f"  validation L1 {found['validation_l1']:.4f}  {found['joint_error']}")
            if last or time.monotonic() - saved > 60 * train.checkpoint_minutes:
                self.run.save(self.state())
                loss_curve(self.run.read_metrics(), self.run.folder / "loss_curve.png")
                saved = time.monotonic()

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
    args = parser.parse_args(argv)
    if args.max_minutes is not None and not 0 < args.max_minutes < math.inf:
        parser.error(f"--max-minutes is {args.max_minutes}: give minutes above 0")
    if args.episodes is not None and args.episodes < 1:
        parser.error(f"--episodes is {args.episodes}: give at least 1")
    try:
        config = load_config(args.config)
        if config.train.threads:
            torch.set_num_threads(config.train.threads)
        print(f"reading {args.data}", flush=True)
        before = time.monotonic()
        data = Demonstrations(args.data, args.episodes, config.data.cameras)
        reading = time.monotonic() - before
        trainer = Trainer(config, data, Run(args.out), args.max_minutes)
        run = Run.open(args.out)  # only now, so that a refusal leaves no folder behind
        size = sum(p.numel() for p in trainer.policy.parameters()) / 1e6
        print(
            f"{data.episodes} episodes, {len(data)} rows ({len(trainer.split.train)} to train on), read in "
            f"{reading:.0f} s; "
            f"{size:.2f} M parameters; {trainer.device}, {torch.get_num_threads()} threads; "
            + (f"resuming at step {trainer.step}" if trainer.step else "starting"),
            flush=True,
        )
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
                "threads": torch.get_num_threads(),
                "cpus": os.cpu_count(),
                "versions": {
                    "saccade_training": __version__,
                    "python": platform.python_version(),
                    "torch": str(torch.__version__),
                },
            }
        )
        if trainer.progress >= 1:
            print(f"{args.out} is trained already: export it, or raise train.steps (--max-minutes) to go on")
        trainer.train(lambda line: print(line, flush=True))
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
