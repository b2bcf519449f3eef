"""Synthetic demonstrations as a LeRobotDataset: a square moves, and so do the joints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from lerobot_writer import Demo, write_lerobot

JOINTS = ["shoulder_pan", "shoulder_lift", "elbow", "wrist_1", "wrist_2", "wrist_3", "gripper"]
CAMERAS = [
    {"name": "wrist_detail", "role": "wrist_detail"},
    {"name": "wrist_context", "role": "wrist_context"},
    {"name": "head", "role": "global_overview"},
]
ROLES = {c["name"]: c["role"] for c in CAMERAS}


def make_demos(episodes: int = 4, steps: int = 30, size: int = 96, seed: int = 0) -> list[Demo]:
    rng = np.random.default_rng(seed)
    demos = []
    for e in range(episodes):
        length = steps + e
        goal = rng.uniform(-1, 1, len(JOINTS)).astype(np.float32)
        goal[-1] = 0.04 * rng.uniform()
        phase = np.linspace(0, 1, length, dtype=np.float32)[:, None]
        action = goal * phase
        frames = {}
        for c, camera in enumerate(CAMERAS):
            frames[camera["name"]] = np.full((length, size, size, 3), 40 + 20 * c, dtype=np.uint8)
            for t in range(length):
                x = int((goal[0] + 1) / 2 * (size - 24)) + t % 8
                y = int((goal[1] + 1) / 2 * (size - 24))
                frames[camera["name"]][t, y : y + 16, x : x + 16] = (220, 60 + 10 * c, 30)
        state = np.concatenate([action[:1], action[:-1]])
        demos.append(Demo(frames, state, action))
    return demos


def write_demos(
    folder: Path, episodes: int = 4, steps: int = 30, size: int = 96, seed: int = 0, **options: Any
) -> Path:
    """options: of write_lerobot."""
    return write_lerobot(
        folder, make_demos(episodes, steps, size, seed), JOINTS, **{"roles": ROLES, **options}
    )
