"""What other packages make of our bags and datasets (training/README.md, Tests). Where one is missing, or
dist/ is not built, the tests that need it skip and say so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from support import ROBOT, ROOT, Saccade

MAIN = ROOT / "dist/cli/main.js"

# before anything imports them: LeRobot copies what it reads into Hugging Face's cache, and must ask no hub
_cache = tempfile.TemporaryDirectory(prefix="saccade-interop-")
os.environ |= {"HF_HOME": _cache.name, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


@pytest.fixture(scope="session")
def saccade() -> Saccade:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not MAIN.exists():
        pytest.skip(f"{MAIN} is not there: npm ci && npm run build")

    def run(*args: str | Path) -> Any:
        command = ["node", str(MAIN), *map(str, args), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def demos(saccade: Saccade, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Bags of two demonstrations, images raw."""
    out = tmp_path_factory.mktemp("interop") / "demos"
    saccade("demos", "--episodes", "2", "--seed", "300000", "--out", out)
    return sorted((out / "bags").iterdir())


@pytest.fixture(scope="session")
def rollout(saccade: Saccade, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The bag of one second of the shipped policy, images as JPEG."""
    out = tmp_path_factory.mktemp("interop") / "rollout"
    what = ["--robot", ROBOT, "--policy", ROOT / "models/pick_lift", "--task", "pick_lift"]
    how = ["--episodes", "1", "--seed", "300100", "--time-limit", "1", "--images", "jpeg"]
    saccade("rollout", *what, *how, "--out", out)
    return sorted((out / "bags").iterdir())


@pytest.fixture(scope="session")
def dataset(saccade: Saccade, demos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstrations, exported. Not to be written to."""
    out = tmp_path_factory.mktemp("interop") / "dataset"
    saccade("dataset", "export", *demos, "--out", out)
    return out
