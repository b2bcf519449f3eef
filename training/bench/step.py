"""How long a step of training takes here, and where the time goes: python training/bench/step.py --help

The steps are those of `saccade_training.train` on rows of a dataset; nothing is written. Under torchrun the
processes share each step's batch, and process 0 says what it took.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

from saccade_training.config import ConfigError, load_config
from saccade_training.dataset import Demonstrations
from saccade_training.distributed import Processes
from saccade_training.run import Run
from saccade_training.train import Trainer


def main() -> None:
    parser = argparse.ArgumentParser(description="Time steps of training.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of a LeRobotDataset v3")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--episodes", type=int, help="only the first so many")
    parser.add_argument("--threads", type=int, default=0, help="of each process (default: PyTorch's choice)")
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, help="instead of the config's")
    parser.add_argument("--profile", action="store_true", help="print what PyTorch's operators cost")
    args = parser.parse_args()
    try:
        measure(args)
    except ConfigError as error:
        sys.exit(f"error: {error}")


def measure(args: argparse.Namespace) -> None:
    config = load_config(args.config)
    train = config.train
    bf16 = train.bf16 if args.bf16 is None else args.bf16
    config = replace(config, train=replace(train, threads=args.threads or train.threads, bf16=bf16))
    data = Demonstrations(args.data, args.episodes, config.data.cameras)
    processes = Processes.join()
    trainer = Trainer(config, data, Run(Path("none")), processes=processes)
    for _ in range(3):  # the first allocate and choose kernels
        trainer.take_step()
    wall, cpu = [], []
    for _ in range(args.steps):
        before = time.perf_counter(), time.process_time()
        trainer.take_step()
        wall.append(1000 * (time.perf_counter() - before[0]))
        cpu.append(1000 * (time.process_time() - before[1]))
    if processes.leads:
        print(
            f"{config.name}, batch {trainer.batch}, {processes.count} processes, bf16 {bf16}: "
            f"wall p50 {statistics.median(wall):.0f} ms (min {min(wall):.0f}), "
            f"CPU p50 {statistics.median(cpu):.0f} ms (min {min(cpu):.0f}) a process, "
            f"{args.steps} steps"
        )
    if args.profile:
        from torch.profiler import ProfilerActivity, profile

        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            for _ in range(3):
                trainer.take_step()
        if processes.leads:
            print(profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=40))
    processes.leave()


if __name__ == "__main__":
    main()
