"""What the rows of a sweep cost, side by side: python training/bench/rows.py --help

Every round takes a step of training of each row and runs each row's graph in ONNX Runtime, one row after the
other, so that whatever else the machine does meets them alike; ratios are medians over the rounds. A sweep's
own table has the times of policies that were trained hours apart.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import onnxruntime

from saccade_training.config import ConfigError
from saccade_training.dataset import Demonstrations
from saccade_training.export import Graph, example_inputs, export_graph
from saccade_training.run import Run
from saccade_training.sweep_file import load_sweep
from saccade_training.train import Trainer

INFERENCES = 20  # a round


@dataclass
class Cost:
    trainer: Trainer
    session: onnxruntime.InferenceSession
    feed: dict[str, np.ndarray]
    train_ms: list[float] = field(default_factory=list)  # CPU, a step
    infer_ms: list[float] = field(default_factory=list)

    def measure(self) -> None:
        before = time.process_time()
        self.trainer.take_step()
        self.train_ms.append(1000 * (time.process_time() - before))
        times = []
        for _ in range(INFERENCES):
            before = time.perf_counter()
            self.session.run(["action"], self.feed)
            times.append(1000 * (time.perf_counter() - before))
        self.infer_ms.append(statistics.median(times))


def session(trainer: Trainer, threads: int) -> tuple[onnxruntime.InferenceSession, dict[str, np.ndarray]]:
    graph = Graph(trainer.policy.eval()).eval()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        export_graph(graph, Path(folder) / "policy.onnx")
        opened = onnxruntime.InferenceSession(
            str(Path(folder) / "policy.onnx"), options, providers=["CPUExecutionProvider"]
        )
    inputs = zip(graph.inputs, example_inputs(graph, 0), strict=True)
    wanted = {x.name for x in opened.get_inputs()}
    return opened, {name: value.numpy() for name, value in inputs if name in wanted}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a sweep's rows side by side.")
    parser.add_argument("--sweep", type=Path, required=True)
    parser.add_argument("--task", help="one of the file's (default: its first)")
    parser.add_argument("--data", type=Path, required=True, help="folder of a LeRobotDataset v3")
    parser.add_argument(
        "--rows", nargs="+", required=True, metavar="NAME", help="ratios are against the first"
    )
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--episodes", type=int, default=8, help="demonstrations to take steps on")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()

    try:
        print(table(args))
    except ConfigError as error:
        sys.exit(f"error: {error}")


def table(args: argparse.Namespace) -> str:
    sweep = load_sweep(args.sweep, args.task)
    for name in args.rows:
        if name not in sweep.trials:
            raise ConfigError(f"--rows {name} is no row of {args.sweep}: {', '.join(sweep.trials)}")
    trials = {name: sweep.trials[name][0] for name in args.rows}
    config = trials[args.rows[0]].config
    data = Demonstrations(args.data, args.episodes, config.data.cameras)
    costs = {}
    for name, trial in trials.items():
        config = replace(trial.config, train=replace(trial.config.train, threads=args.threads))
        trainer = Trainer(config, data, Run(Path("none")))
        costs[name] = Cost(trainer, *session(trainer, args.threads))
        for _ in range(3):  # the first allocate and choose kernels
            trainer.take_step()
    for _ in range(args.rounds):
        for cost in costs.values():
            cost.measure()

    base = costs[args.rows[0]]
    lines = [
        f"{args.rounds} rounds, {args.threads} threads; against {args.rows[0]}; medians",
        "",
        "| row | parameters | a step of training | inference | parameters / | training / | inference / |",
        "|:--|--:|--:|--:|--:|--:|--:|",
    ]
    size = {name: sum(p.numel() for p in cost.trainer.policy.parameters()) for name, cost in costs.items()}
    for name, cost in costs.items():
        train, infer = (
            statistics.median(a / b for a, b in zip(mine, theirs, strict=True))
            for mine, theirs in ((cost.train_ms, base.train_ms), (cost.infer_ms, base.infer_ms))
        )
        lines.append(
            f"| {name} | {size[name] / 1e6:.2f} M | {statistics.median(cost.train_ms):.0f} ms "
            f"| {statistics.median(cost.infer_ms):.2f} ms | {size[name] / size[args.rows[0]]:.2f}× "
            f"| {train:.2f}× | {infer:.2f}× |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
