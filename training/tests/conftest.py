from __future__ import annotations

import os
from pathlib import Path

import pytest
from synthetic import write_demos

from saccade_training.dataset import Demonstrations

# the tests are of the CPU's figures, on machines with a GPU, too; their processes inherit it
os.environ["CUDA_VISIBLE_DEVICES"] = ""


@pytest.fixture(scope="session")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four synthetic episodes of 10 to 13 rows, 32×32 px. Not to be written to."""
    return write_demos(tmp_path_factory.mktemp("demos"), episodes=4, steps=10, size=32)


@pytest.fixture(scope="session")
def data(demos: Path) -> Demonstrations:
    return Demonstrations(demos)
