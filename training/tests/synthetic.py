"""Synthetic demonstrations in the format of docs/demonstrations.md: a square moves, and so do the joints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

JOINTS = ["shoulder_pan", "shoulder_lift", "elbow", "wrist_1", "wrist_2", "wrist_3", "gripper"]
CAMERAS = [
    {"name": "wrist_detail", "role": "wrist_detail"},
    {"name": "wrist_context", "role": "wrist_context"},
    {"name": "head", "role": "global_overview"},
]


def write_demos(folder: Path, episodes: int = 4, steps: int = 30, size: int = 96, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    entries = []
    for e in range(episodes):
        at = folder / f"episode_{e:06d}"
        at.mkdir(parents=True)
        length = steps + e
        goal = rng.uniform(-1, 1, len(JOINTS)).astype(np.float32)
        goal[-1] = 0.04 * rng.uniform()
        phase = np.linspace(0, 1, length, dtype=np.float32)[:, None]
        action = goal * phase
        for c, camera in enumerate(CAMERAS):
            frames = np.full((length, size, size, 3), 40 + 20 * c, dtype=np.uint8)
            for t in range(length):
                x = int((goal[0] + 1) / 2 * (size - 24)) + t % 8
                y = int((goal[1] + 1) / 2 * (size - 24))
                frames[t, y : y + 16, x : x + 16] = (220, 60 + 10 * c, 30)
            np.save(at / f"{camera['name']}.npy", frames)
        np.save(at / "state.npy", np.concatenate([action[:1], action[:-1]]))
        np.save(at / "action.npy", action)
        np.save(at / "reward.npy", np.floor(4 * phase[:, 0]).astype(np.float32))
        entries.append(
            {"index": e, "seed": 100000 + e, "steps": length, "return": 10, "success": True, "dir": at.name}
        )
    meta: dict[str, Any] = {
        "format": "saccade-demos",
        "version": 1,
        "task": "pick_lift",
        "robot": "sim_arm",
        "rate_hz": 20,
        "joints": JOINTS,
        "cameras": [{**c, "width": size, "height": size} for c in CAMERAS],
        "seed": 100000,
        "generator": "synthetic",
        "episodes": entries,
        "failed": [],
    }
    (folder / "demos.json").write_text(json.dumps(meta))
    return folder
