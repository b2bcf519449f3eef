"""Does a dataset fit the robot that its policy will drive? The rules of src/infer/match.ts, ahead of time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from .config import ConfigError
from .lerobot import LeRobotFolder


def check_robot(data: LeRobotFolder, robot: Path) -> None:
    """Raises ConfigError, naming both files and the key, where joints, rate or cameras differ."""
    contract = _read(robot)

    def refuse(what: str) -> ConfigError:
        return ConfigError(f"{data.info_file} does not fit {robot}: {what}")

    if data.rate_hz != contract["rate_hz"]:
        raise refuse(f"fps is {data.rate_hz:g}, the robot's rate_hz {contract['rate_hz']:g}")
    joints = [joint["name"] for joint in contract["joints"]]
    if set(joints) != set(data.joints):
        raise refuse(
            f"observation.state names the joints {', '.join(data.joints)}, the robot has {', '.join(joints)}"
        )
    roles = {camera["name"]: camera["role"] for camera in contract["cameras"]}
    for camera in data.cameras:
        name, role = camera.spec.name, camera.spec.role
        if name not in roles:
            raise refuse(f"{camera.key} is none of the robot's cameras: {', '.join(roles)}")
        if roles[name] != role:
            raise refuse(f"{camera.key} has the role {role}, in the robot it is {roles[name]}")


def _read(robot: Path) -> dict[str, Any]:
    try:
        contract = yaml.safe_load(robot.read_text())
        float(contract["rate_hz"])
        [joint["name"] for joint in contract["joints"]]
        [(camera["name"], camera["role"]) for camera in contract["cameras"]]
    except FileNotFoundError as error:
        raise ConfigError(f"{robot} does not exist: give --robot a robot contract") from error
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{robot} is not a robot contract ({error!r}): give --robot another file"
        ) from error
    return contract
