"""A dataset that does not fit the robot is refused before training, naming both files and the key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from synthetic import CAMERAS, JOINTS

from saccade_training.config import ConfigError
from saccade_training.contract import check_robot
from saccade_training.lerobot import LeRobotFolder
from saccade_training.train import main

ROBOTS = Path(__file__).parents[2] / "config" / "robots"


def contract(folder: Path, **changes: Any) -> Path:
    robot = {"name": "arm", "rate_hz": 20, "joints": [{"name": j} for j in JOINTS], "cameras": CAMERAS}
    path = folder / "robot.yaml"
    path.write_text(yaml.safe_dump({**robot, **changes}))
    return path


def test_a_fitting_dataset_passes_whatever_the_order_of_its_joints(demos: Path, tmp_path: Path) -> None:
    data = LeRobotFolder(demos)
    check_robot(data, contract(tmp_path))
    check_robot(data, contract(tmp_path, joints=[{"name": j} for j in reversed(JOINTS)]))
    check_robot(data, ROBOTS / "sim_arm.yaml")  # the synthetic demonstrations are of this one


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate_hz": 30}, "fps is 20, the robot's rate_hz 30"),
        (
            {"joints": [{"name": "elbow"}]},
            "observation.state names the joints shoulder_pan, .*the robot has elbow",
        ),
        ({"cameras": CAMERAS[:2]}, "observation.images.head is none of the robot's cameras: wrist_detail"),
        (
            {"cameras": [*CAMERAS[:2], {"name": "head", "role": "wrist_detail"}]},
            "observation.images.head has the role global_overview, in the robot it is wrist_detail",
        ),
    ],
)
def test_what_differs_is_named_with_both_files(
    demos: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    robot = contract(tmp_path, **changes)
    with pytest.raises(ConfigError, match=message) as caught:
        check_robot(LeRobotFolder(demos), robot)
    assert str(caught.value).startswith(f"{demos / 'meta' / 'info.json'} does not fit {robot}: ")


@pytest.mark.parametrize("content", ["a: [", "- 1", "rate_hz: 20", "rate_hz: x\njoints: []\ncameras: []"])
def test_what_is_no_contract_is_refused(demos: Path, tmp_path: Path, content: str) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"robot\.yaml is not a robot contract"):
        check_robot(LeRobotFolder(demos), path)
    with pytest.raises(ConfigError, match=r"none\.yaml does not exist"):
        check_robot(LeRobotFolder(demos), tmp_path / "none.yaml")


def test_training_refuses_it_in_one_line(
    demos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("")
    robot = contract(tmp_path, rate_hz=50)
    run = tmp_path / "run"
    assert main([f"--config={config}", f"--data={demos}", f"--out={run}", f"--robot={robot}"]) == 2
    error = capsys.readouterr().err
    assert "fps is 20, the robot's rate_hz 50" in error
    assert error.count("\n") == 1
    assert not run.exists()
