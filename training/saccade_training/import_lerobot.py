"""Turns a LeRobot ACT checkpoint into a policy bundle (docs/lerobot.md), checked against PyTorch.

python -m saccade_training.import_lerobot CHECKPOINT_DIR --out models/NAME --rate HZ --joints A,B,…
    [--dataset FOLDER] [--roles head=global_overview,…]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision.transforms.functional as TF
from torch import Tensor, nn

from .classic_act import ClassicAct, ClassicActFeatures
from .config import ROLES, CameraSpec, ConfigError, Role, to_dict
from .export import TOLERANCE, compare, versions, write_bundle, write_onnx
from .inference_act import InferenceAct
from .lerobot import LeRobotFolder
from .lerobot_checkpoint import ACTION, STATE, Checkpoint, read_checkpoint

WRIST = ("wrist", "hand", "gripper")  # a camera named so is taken for one of the wrist


@dataclass(frozen=True)
class Choices:
    """What the user said. None: look it up, or say what is missing."""

    name: str | None = None
    task: str | None = None
    rate_hz: float | None = None
    joints: list[str] | None = None
    roles: dict[str, str] | None = None
    size: tuple[int, int] | None = None  # width, height of the frames before the checkpoint crops or resizes
    dataset: Path | None = None
    winograd: bool = True


@dataclass(frozen=True)
class Context:
    """What a bundle says that a checkpoint does not."""

    name: str
    task: str
    rate_hz: float
    joints: list[str]
    cameras: list[CameraSpec]


# -- what is missing in a checkpoint ----------------------------------------------------------------


def complete(checkpoint: Checkpoint, out: Path, choices: Choices) -> Context:
    """Raises ConfigError, naming the option to give, for what neither the user nor the dataset says."""
    names = [camera.name for camera in checkpoint.cameras]
    roles = choose_roles(names, choices.roles or {})
    dataset = find_dataset(checkpoint, roles, choices.dataset)
    joints = choices.joints or (None if dataset is None else [j.removesuffix(".pos") for j in dataset.joints])
    if joints is None:
        raise ConfigError(
            f"{checkpoint.folder} does not record the names of its {checkpoint.joints} joints: give "
            "--joints, or --dataset with the folder of the dataset it was trained on"
        )
    if len(joints) != checkpoint.joints or len(set(joints)) < len(joints):
        raise ConfigError(
            f"{len(set(joints))} different joints are named ({', '.join(joints)}), but "
            f"{checkpoint.config_file} has {checkpoint.joints}: name each once, in its order"
        )
    recorded = checkpoint.train.rate_hz if dataset is None else dataset.rate_hz
    if choices.dataset is not None and choices.rate_hz not in (None, recorded):
        raise ConfigError(
            f"--rate is {choices.rate_hz:g} Hz, but {choices.dataset} was recorded at {recorded:g} Hz: leave "
            "one of them out"
        )
    rate = choices.rate_hz or recorded
    if not rate:
        raise ConfigError(f"{checkpoint.folder} does not record its rate: give --rate, in Hz")
    task = choices.task or (
        dataset.tasks[0] if dataset and len(dataset.tasks) == 1 else checkpoint.train.task
    )
    name = choices.name or out.resolve().name
    return Context(
        name, task or name, float(rate), joints, frame_sizes(checkpoint, roles, dataset, choices.size)
    )


def choose_roles(cameras: list[str], said: dict[str, str]) -> dict[str, Role]:
    for camera, role in said.items():
        if camera not in cameras:
            raise ConfigError(f"--roles names {camera}: the checkpoint's cameras are {', '.join(cameras)}")
        if role not in ROLES:
            raise ConfigError(f"--roles gives {camera} the role {role}: choose one of {', '.join(ROLES)}")
    guess = {c: "wrist_detail" if any(w in c.lower() for w in WRIST) else "global_overview" for c in cameras}
    return {**guess, **said}  # type: ignore[dict-item]


def find_dataset(checkpoint: Checkpoint, roles: dict[str, Role], said: Path | None) -> LeRobotFolder | None:
    """The dataset the policy was trained on: the one named, or the one its training used if still there."""
    if said is not None:
        return LeRobotFolder(said, roles)
    root = checkpoint.train.root
    return LeRobotFolder(Path(root), roles) if root and (Path(root) / "meta/info.json").exists() else None


def frame_sizes(
    checkpoint: Checkpoint,
    roles: dict[str, Role],
    dataset: LeRobotFolder | None,
    said: tuple[int, int] | None,
) -> list[CameraSpec]:
    """The frames the node feeds: what the network sees, unless the checkpoint crops or resizes them first."""
    height, width = checkpoint.size
    changed = checkpoint.resized or any(camera.crop for camera in checkpoint.cameras)
    recorded = {c.spec.name: (c.spec.width, c.spec.height) for c in dataset.cameras} if dataset else {}
    specs = []
    for camera in checkpoint.cameras:
        size: tuple[int, int] | None = (width, height)
        if changed:
            size = said or recorded.get(camera.name)
            if size is None and camera.crop is None:
                size = (width, height)
        if size is None:
            raise ConfigError(
                f"{checkpoint.folder} crops {camera.source} and does not say from which size: give --size, "
                "or --dataset with the folder of the dataset it was trained on"
            )
        if not changed and said not in (None, size):
            raise ConfigError(
                f"--size is {said[0]}x{said[1]}, but {checkpoint.config_file} has images of "  # type: ignore[index]
                f"{width}x{height} and nothing resizes them: leave --size out"
            )
        crop = camera.crop
        if crop and (crop.top + crop.height > size[1] or crop.left + crop.width > size[0]):
            raise ConfigError(
                f"{checkpoint.folder} crops {camera.source} at {crop}, which is not inside of frames of "
                f"{size[0]}x{size[1]}: give the right --size"
            )
        if crop and not checkpoint.resized and (crop.height, crop.width) != checkpoint.size:
            raise ConfigError(
                f"{checkpoint.folder} crops {camera.source} to {crop.width}x{crop.height}, but "
                f"{checkpoint.config_file} has images of {width}x{height}: they must be the same"
            )
        specs.append(CameraSpec(camera.name, roles[camera.name], *size))
    return specs


# -- the graph ---------------------------------------------------------------------------------------


def load_act(checkpoint: Checkpoint) -> ClassicAct:
    features = ClassicActFeatures(checkpoint.joints, checkpoint.joints, cameras=len(checkpoint.cameras))
    act = ClassicAct(checkpoint.config, features)
    own, file = act.state_dict(), checkpoint.folder / "model.safetensors"
    for key in [*own, *checkpoint.weights]:
        if key not in checkpoint.weights:
            raise ConfigError(
                f"{file} has no model.{key}, which {checkpoint.config_file} asks for: copy both again"
            )
        if key not in own:
            raise ConfigError(
                f"{file} has model.{key}, which {checkpoint.config_file} does not ask for: copy both again"
            )
        found, expected = tuple(checkpoint.weights[key].shape), tuple(own[key].shape)
        if found != expected:
            raise ConfigError(
                f"{file}: model.{key} has shape {found}, {checkpoint.config_file} asks for {expected}"
            )
    act.load_state_dict(checkpoint.weights)
    return act.eval()


class Reference(nn.Module):
    """As LeRobot computes it: frames uint8 [1, H, W, 3] of each camera, state [1, J] → actions [1, K, J]."""

    def __init__(self, checkpoint: Checkpoint, act: ClassicAct) -> None:
        super().__init__()
        self.checkpoint, self.act = checkpoint, act

    def forward(self, *inputs: Tensor) -> tuple[Tensor]:
        *frames, state = inputs
        checkpoint = self.checkpoint
        images = []
        for camera, frame in zip(checkpoint.cameras, frames, strict=True):
            x = frame.permute(0, 3, 1, 2).float() / 255
            if camera.crop:
                x = TF.crop(x, camera.crop.top, camera.crop.left, camera.crop.height, camera.crop.width)
            if checkpoint.resized:
                x = TF.resize(x, list(checkpoint.size)).clamp(0, 1)
            shift, scale = (v.float().view(3, 1, 1) for v in (camera.scaling.shift, camera.scaling.scale))
            images.append((x - shift) * scale + camera.scaling.offset)
        joints, actions = checkpoint.state, checkpoint.action
        state = (state - joints.shift.float()) * joints.scale.float() + joints.offset
        return (self.act(images, state)[0] * actions.spread.float() + actions.centre.float(),)


class Graph(nn.Module):
    """The same as it is exported."""

    image_shift: Tensor
    image_scale: Tensor
    image_offset: Tensor
    state_shift: Tensor
    state_scale: Tensor
    state_offset: Tensor
    action_spread: Tensor
    action_centre: Tensor

    def __init__(
        self, checkpoint: Checkpoint, act: ClassicAct, cameras: list[CameraSpec], winograd: bool = True
    ) -> None:
        super().__init__()
        self.act = InferenceAct(act, *checkpoint.size, winograd=winograd)
        self.crops = [camera.crop for camera in checkpoint.cameras]
        scalings = [camera.scaling for camera in checkpoint.cameras]
        by_camera = {
            "image_shift": torch.stack([255 * s.shift for s in scalings]),
            "image_scale": torch.stack([s.scale / 255 for s in scalings]),
            "image_offset": torch.tensor([[s.offset] for s in scalings]),
        }
        for name, value in by_camera.items():
            self.register_buffer(name, value.float()[:, :, None, None])
        state, action = checkpoint.state, checkpoint.action
        for name, value in {
            "state_shift": state.shift,
            "state_scale": state.scale,
            "state_offset": torch.tensor(state.offset),
            "action_spread": action.spread,
            "action_centre": action.centre,
        }.items():
            self.register_buffer(name, value.float())
        self.resizes = nn.ModuleList()
        if checkpoint.resized:
            for spec, crop in zip(cameras, self.crops, strict=True):
                size = (crop.height, crop.width) if crop else (spec.height, spec.width)
                self.resizes.append(Resize(size, checkpoint.size))

    def forward(self, *inputs: Tensor) -> tuple[Tensor]:
        *frames, state = inputs
        for i, crop in enumerate(self.crops):
            if crop:
                frames[i] = frames[i][
                    :, crop.top : crop.top + crop.height, crop.left : crop.left + crop.width
                ]
        if self.resizes:
            maps = [r(x.permute(0, 3, 1, 2).float()) for r, x in zip(self.resizes, frames, strict=True)]
            images = torch.cat(maps)
        else:
            # joined and turned while they are bytes
            images = torch.cat(frames).permute(0, 3, 1, 2).float()
        images = (images - self.image_shift) * self.image_scale  # [cameras, 3, h, w]
        if self.image_offset.any():
            images = images + self.image_offset
        state = (state - self.state_shift) * self.state_scale + self.state_offset
        return (self.act(images, state) * self.action_spread + self.action_centre,)


class Resize(nn.Module):
    """torchvision's antialiased bilinear resizing of [1, C, H, W], linear along each axis: two products."""

    rows: Tensor
    columns: Tensor

    def __init__(self, source: tuple[int, int], target: tuple[int, int]) -> None:
        super().__init__()
        for name, n, m in (("rows", source[0], target[0]), ("columns", source[1], target[1])):
            # what it makes of each basis vector, one a column
            self.register_buffer(name, TF.resize(torch.eye(n)[None, None], [m, n])[0, 0])

    def forward(self, x: Tensor) -> Tensor:
        return self.rows @ x @ self.columns.t()


def examples(
    checkpoint: Checkpoint, cameras: list[CameraSpec], count: int = 3
) -> Iterator[tuple[Tensor, ...]]:
    """Observations: frames with smooth texture and frames of noise, states spread as the training's were."""
    for seed in range(count):
        rng = torch.Generator().manual_seed(seed)
        frames = []
        for camera in cameras:
            shape = (1, 3, camera.height, camera.width)
            if seed % 2:
                image = torch.rand(shape, generator=rng)
            else:
                coarse = torch.rand((1, 3, -(-camera.height // 8), -(-camera.width // 8)), generator=rng)
                image = TF.resize(coarse, list(shape[2:]))
            frames.append((image * 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous())
        normal = torch.randn(1, checkpoint.joints, generator=rng)
        state = checkpoint.state.shift + (normal - checkpoint.state.offset) / checkpoint.state.scale
        yield (*frames, state.float())


# -- the bundle --------------------------------------------------------------------------------------


def strategy(checkpoint: Checkpoint) -> dict[str, Any]:
    """What LeRobot's select_action does with this checkpoint's chunks."""
    if checkpoint.temporal_ensemble_coeff is not None:
        return {"name": "ensemble", "m": checkpoint.temporal_ensemble_coeff}
    return {"name": "receding", "steps": checkpoint.n_action_steps}


def manifest(
    checkpoint: Checkpoint, context: Context, parameters: int, sha256: str, parity: dict[str, float]
) -> dict[str, Any]:
    return {
        "format": "saccade-policy",
        "version": 1,
        "name": context.name,
        "task": context.task,
        "rate_hz": context.rate_hz,
        "graph": {"file": "policy.onnx", "sha256": sha256},
        "cameras": [
            {
                "name": spec.name,
                "role": spec.role,
                "width": spec.width,
                "height": spec.height,
                "inputs": {"current": camera.key},
            }
            for spec, camera in zip(context.cameras, checkpoint.cameras, strict=True)
        ],
        "state": {"input": STATE, "joints": context.joints},
        "action": {
            "output": ACTION,
            "joints": context.joints,
            "chunk": checkpoint.config.chunk_size,
            "kind": "joint_position",
        },
        "strategy": strategy(checkpoint),
        "provenance": {
            "architecture": {"type": "act", **to_dict(checkpoint.config), "parameters": parameters},
            "training": checkpoint.train.facts,
            "dataset": {"repo_id": checkpoint.train.repo_id},
            "imported": {
                "from": "lerobot",
                "checkpoint": checkpoint.folder.resolve().name,
                **({"left_out": checkpoint.unused} if checkpoint.unused else {}),
            },
            "versions": versions(),
            "parity": {k: float(f"{v:.2e}") for k, v in parity.items()},
        },
    }


def import_checkpoint(folder: Path, out: Path, choices: Choices) -> dict[str, Any]:
    """Writes policy.onnx and policy.yaml into `out`; nothing there changes unless the graph checks out."""
    checkpoint = read_checkpoint(folder)
    context = complete(checkpoint, out, choices)
    act = load_act(checkpoint)
    inputs = [*(camera.key for camera in checkpoint.cameras), STATE]
    # an action in degrees or percent is as exact in its own units
    tolerance = TOLERANCE * max(1.0, float(checkpoint.action.spread.abs().max()))

    def write(path: Path) -> dict[str, float]:
        graph = Graph(checkpoint, act, context.cameras, choices.winograd).eval()
        write_onnx(graph, next(examples(checkpoint, context.cameras)), inputs, [ACTION], path)
        seen = examples(checkpoint, context.cameras)
        return compare(Reference(checkpoint, act), seen, inputs, [ACTION], path, tolerance)

    parameters = sum(p.numel() for p in act.parameters())
    return write_bundle(
        out, write, lambda sha256, parity: manifest(checkpoint, context, parameters, sha256, parity)
    )


def pairs(text: str) -> dict[str, str]:
    items = [item.split("=") for item in text.split(",")]
    if any(len(item) != 2 or not all(item) for item in items):
        raise argparse.ArgumentTypeError("give camera=role,…")
    return dict(items)


def names(text: str) -> list[str]:
    return text.split(",")


def size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError("give WIDTHxHEIGHT")
    return int(width), int(height)


def positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("give a number above 0")
    return value


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Turn a LeRobot ACT checkpoint into a policy bundle.")
    parser.add_argument("checkpoint", type=Path, help="a pretrained_model folder")
    parser.add_argument("--out", type=Path, required=True, help="bundle folder")
    parser.add_argument("--name", help="the policy's name; by default the bundle folder's")
    parser.add_argument("--task", help="by default the dataset's, where it has one")
    parser.add_argument("--rate", type=positive, help="Hz; by default the dataset's")
    parser.add_argument("--joints", type=names, help="names as in the contract, in the checkpoint's order")
    parser.add_argument("--roles", type=pairs, help="camera=role,…; by default from the cameras' names")
    parser.add_argument(
        "--size", type=size, help="WIDTHxHEIGHT of the frames that the checkpoint crops or resizes"
    )
    parser.add_argument("--dataset", type=Path, help="folder of the LeRobotDataset it was trained on")
    parser.add_argument(
        "--gpu", action="store_true", help="write the graph for a GPU: leave convolutions to its own kernels"
    )
    parser.add_argument("--json", action="store_true", help="print one machine-readable object")
    args = parser.parse_args(argv)
    choices = Choices(
        args.name, args.task, args.rate, args.joints, args.roles, args.size, args.dataset, not args.gpu
    )
    try:
        written = import_checkpoint(args.checkpoint, args.out, choices)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    parity = written["provenance"]["parity"]
    if args.json:
        print(json.dumps({"bundle": str(args.out), "sha256": written["graph"]["sha256"], "parity": parity}))
        return 0
    roles = ", ".join(f"{camera['name']} is {camera['role']}" for camera in written["cameras"])
    megabytes = (args.out / "policy.onnx").stat().st_size / 1e6
    print(f"{args.out}: policy.onnx {megabytes:.1f} MB, max |ONNX − PyTorch| {max(parity.values()):.1e}")
    print(f"cameras: {roles} (--roles names others)")
    left_out = written["provenance"]["imported"].get("left_out")
    if left_out:
        print(f"left out, as ACT does: {', '.join(left_out)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
