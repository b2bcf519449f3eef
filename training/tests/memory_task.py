"""The memory task: a lamp shows in the first second where to go; it is dark when the arm may move.

Makes the bundles of test/fixtures/memory, which the node's end-to-end test runs:
    python tests/memory_task.py ../test/fixtures/memory
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import yaml
from lerobot_writer import Demo, write_lerobot

from saccade_training.config import from_dict
from saccade_training.dataset import Demonstrations
from saccade_training.export import export
from saccade_training.run import Run
from saccade_training.train import Trainer

RATE_HZ, SHOWN, EPISODE = 5, 5, 14  # rows; the lamp is lit for one second
SIDE = 16
GO = 9  # from this row on the arm goes to the target
JOINTS, CAMERA = ["slide"], "lamp"
TARGETS = (-1.0, 1.0)


def frame(row: int, target: float, jitter: int) -> np.ndarray:
    """A lamp on the left or on the right while it is shown, then darkness. uint8 [SIDE, SIDE, 3]."""
    image = np.full((SIDE, SIDE, 3), 20, np.uint8)
    if row < SHOWN:
        x = (2 if target < 0 else SIDE - 7) + jitter
        image[5 : 5 + 5, x : x + 5] = (250, 220, 80)
    return image


def expert(row: int, target: float) -> float:
    return target if row >= GO else 0.0


def demo(target: float, jitter: int) -> Demo:
    """The state tells how long the episode has lasted and nothing of the target: it is what the arm does not
    know when it has to leave."""
    rows = range(EPISODE)
    action = np.array([[expert(row, target)] for row in rows], np.float32)
    frames = np.stack([frame(row, target, jitter) for row in rows])
    return Demo({CAMERA: frames}, clock(), action)


def clock() -> np.ndarray:
    return np.arange(EPISODE, dtype=np.float32)[:, None] / EPISODE


def write_task(folder: Path) -> Path:
    demos = [demo(target, jitter) for jitter in (-1, 0, 1, 2) for target in TARGETS]
    return write_lerobot(
        folder,
        demos,
        JOINTS,
        roles={CAMERA: "global_overview"},
        fps=RATE_HZ,
        task="go where the lamp was",
    )


def config(memory: bool) -> Any:
    policy = {
        "backbone": {"channels": [8, 16], "strides": [2, 2]},
        "flow": {"method": "off"},
        "mp": {"enabled": False},
        "cameras": {
            "heads": 2,
            "dropout": 0.0,
            "grids": {"wrist_detail": 1, "wrist_context": 1, "global_overview": 2},
        },
        "memory": {"enabled": memory, "length": 16, "heads": 2, "sequence": EPISODE},
        "act": {
            **{"d": 32, "heads": 2, "encoder_layers": 1, "decoder_layers": 1, "ffn": 32, "chunk": 2},
            **{"dropout": 0.0, "cvae": False, "relative": False, "absolute": []},
        },
    }
    still = dict.fromkeys(("shift_px", "brightness", "contrast", "channel_gain", "state_noise"), 0)
    train = {
        **{"batch": 8 * EPISODE, "steps": 250, "lr": 0.003, "warmup_steps": 20, "ema": 0.9, "log_every": 50},
        **{"validation_fraction": 0.0, "validate_every": 1000, "augment": still},
    }
    return from_dict({"name": "memory" if memory else "no_memory", "policy": policy, "train": train})


def export_policy(demos: Path, out: Path, memory: bool) -> None:
    data = Demonstrations(demos)
    with tempfile.TemporaryDirectory() as folder:
        run = Run.open(Path(folder))
        Trainer(config(memory), data, run).train(lambda _line: None)
        export(run, out)


def success(bundle: Path, episodes: int) -> float:
    """The share of episodes, half of them of each target, that end on their target's side. Memory is carried
    as the manifest says; ONNX Runtime alone runs the graph."""
    manifest = yaml.safe_load((bundle / "policy.yaml").read_text())
    session = onnxruntime.InferenceSession(str(bundle / "policy.onnx"), providers=["CPUExecutionProvider"])
    memory, won = manifest["memory"], 0
    carried: dict[str, np.ndarray] = {}
    for episode in range(episodes):
        target = TARGETS[episode % 2]
        action = 0.0
        for row in range(EPISODE):
            for pair in memory["pairs"] if row == 0 else ():
                carried[pair["input"]] = np.full(pair["shape"], pair["initial"], np.dtype(pair["dtype"]))
            feed = {CAMERA: frame(row, target, jitter=episode % 4 - 1)[None], "state": clock()[row][None]}
            if "first" in memory:
                feed[memory["first"]] = np.array([row == 0])
            found, *following = session.run(
                ["action", *(pair["output"] for pair in memory["pairs"])], {**feed, **carried}
            )
            carried = {p["input"]: v for p, v in zip(memory["pairs"], following, strict=True)}
            action = float(found[0, 0, 0])
        won += (action > 0) == (target > 0)
    return won / episodes


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        demos = write_task(Path(folder) / "demos")
        for memory in (True, False):
            name = "with" if memory else "without"
            export_policy(demos, Path(sys.argv[1]) / name, memory)
            print(name, success(Path(sys.argv[1]) / name, episodes=20))
