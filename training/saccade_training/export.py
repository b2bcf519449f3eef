"""Exports a trained run as a policy bundle (docs/policy-bundle.md), checked against PyTorch.

python -m saccade_training.export --run RUN_DIR --out models/NAME
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
import yaml
from torch import Tensor, nn

from . import __version__
from .config import ConfigError
from .memory import Cache
from .policy import Carried, PolicyOutput, SaccadePolicy
from .run import Chosen, Run, restore

TOLERANCE = 1e-4
OPSET = 18


class Graph(nn.Module):
    """What is exported: one observation (batch 1) and what is carried in; the chunk in robot units, what is
    carried on, and the views out."""

    def __init__(self, policy: SaccadePolicy) -> None:
        super().__init__()
        self.policy = policy
        self.previous = policy.looks_back
        # carried from run to run: input → what it is at the start; its output is `<input>_next`
        self.carried: dict[str, Tensor] = {}
        if policy.carries_command:
            self.carried["command"] = torch.zeros(1, len(policy.joints))
        if policy.memory is not None:
            empty = policy.memory.empty(1, policy.state_mean)
            self.carried |= {f"memory_{name}": value for name, value in empty._asdict().items()}
        self.frames = [name for c in policy.cameras for name in self.frames_of(c.name).values()]
        self.inputs = [*self.frames, "state", *(["first", *self.carried] if self.carried else [])]
        with torch.no_grad():
            views = self._run(example_inputs(self, 0))[0].views
        self.view_names = list(views)
        self.outputs = ["action", *(f"{name}_next" for name in self.carried), *self.view_names]

    def frames_of(self, camera: str) -> dict[str, str]:
        """A camera's inputs: which frame → its name."""
        return {"current": camera, **({"previous": f"{camera}_previous"} if self.previous else {})}

    def _run(self, inputs: tuple[Tensor, ...]) -> tuple[PolicyOutput, Tensor]:
        """What the policy finds, and the chunk in robot units."""
        given = dict(zip(self.inputs, inputs, strict=True))
        frames, state = [given[name] for name in self.frames], given["state"]
        carried = None
        if self.carried:
            cache = [value for name, value in given.items() if name.startswith("memory_")]
            carried = Carried(given["first"][:, None], given.get("command"), Cache(*cache) if cache else None)
        step = 2 if self.previous else 1
        out = self.policy(frames[::step], frames[step - 1 :: step], state, carried=carried)
        return out, self.policy.actions(out.target, state)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        out, action = self._run(inputs)
        # the next run's last command is this chunk's first action
        following = [action[:, 0]] if self.policy.carries_command else []
        following += out.cache or ()
        return (action, *following, *(out.views[name] for name in self.view_names))

    def memory(self) -> dict[str, Any]:
        """The manifest's entry."""
        if not self.carried:
            return {"pairs": []}
        pairs = [
            {
                "input": name,
                "output": f"{name}_next",
                "dtype": str(value.dtype).removeprefix("torch."),
                "shape": list(value.shape),
                "initial": 0,
            }
            for name, value in self.carried.items()
        ]
        return {"first": "first", "pairs": pairs}


def example_inputs(graph: Graph, seed: int, kind: str = "moved") -> tuple[Tensor, ...]:
    """Frames with smooth texture, the previous one `moved` a little, the `same`, or unlike (`noise`)."""
    policy = graph.policy
    rng = torch.Generator().manual_seed(seed)
    inputs: list[Tensor] = []
    for c in policy.cameras:
        h, w = c.height, c.width
        coarse = torch.rand(1, 3, h // 4, w // 4, generator=rng)
        image = torch.nn.functional.interpolate(coarse, size=(h, w), mode="bicubic", align_corners=False)
        frame = (image.clamp(0, 1) * 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
        previous = {
            "same": frame,
            "moved": frame.roll((1, 2), dims=(1, 2)),
            "noise": torch.randint(0, 256, frame.shape, generator=rng, dtype=torch.uint8),
        }[kind]
        inputs += [frame, previous.clone()] if graph.previous else [frame]
    state = policy.state_mean.cpu() + policy.state_std.cpu() * torch.randn(
        1, len(policy.joints), generator=rng
    )
    inputs.append(state)
    if graph.carried:
        inputs.append(torch.tensor([seed % 2 == 0]))
    for value in graph.carried.values():
        some = torch.randn(value.shape, generator=rng)
        inputs.append(some > 0 if value.dtype == torch.bool else some)
    return tuple(inputs)


def export_graph(graph: Graph, path: Path) -> None:
    write_onnx(graph, example_inputs(graph, 0), graph.inputs, graph.outputs, path)


def check_parity(graph: Graph, path: Path) -> dict[str, float]:
    """The largest |ONNX − PyTorch| of each output over several inputs. Raises when one exceeds TOLERANCE."""
    kinds = ("moved", "same", "noise")
    examples = (example_inputs(graph, seed, kind) for seed in range(3) for kind in kinds)
    return compare(graph, examples, graph.inputs, graph.outputs, path)


def write_onnx(
    module: nn.Module, example: tuple[Tensor, ...], inputs: list[str], outputs: list[str], path: Path
) -> None:
    """Writes a module as an ONNX graph, shapes fixed to the example's, constants folded."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                module,
                example,
                str(path),
                input_names=inputs,
                output_names=outputs,
                opset_version=OPSET,
                do_constant_folding=True,
                dynamo=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f"this policy cannot be written as ONNX opset {OPSET}: {reason}") from error
    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)


def compare(
    module: nn.Module,
    examples: Iterable[tuple[Tensor, ...]],
    inputs: list[str],
    outputs: list[str],
    path: Path,
    tolerance: float = TOLERANCE,
) -> dict[str, float]:
    """The largest |ONNX − module| of each output. Raises ConfigError when one exceeds the tolerance."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    worst = dict.fromkeys(outputs, 0.0)
    for example in examples:
        with torch.no_grad():
            expected = module(*example)
        feed = {n: x.numpy() for n, x in zip(inputs, example, strict=True)}
        found = session.run(outputs, feed)
        for name, a, b in zip(outputs, expected, found, strict=True):
            difference = float(np.abs(np.subtract(a.numpy(), b, dtype=np.float64)).max())
            # not a number differs from everything
            worst[name] = max(worst[name], difference if np.isfinite(difference) else float("inf"))
    wrong = {k: v for k, v in worst.items() if v > tolerance}
    if wrong:
        raise ConfigError(f"{path} differs from PyTorch by more than {tolerance:g}: {wrong}; not exported")
    return worst


def view_entry(policy: SaccadePolicy, output: str) -> dict[str, Any]:
    kind, _, rest = output.partition("_")
    if kind == "attention":
        query, key = policy.edges[output]
        grid = list(policy.grids[key])
        return {"output": output, "kind": kind, "camera": query, "source": key, "grid": grid}
    entry: dict[str, Any] = {"output": output, "kind": kind, "camera": rest}
    if kind == "flow":
        entry["range_px"] = policy.config.flow.range_px
    return entry


def manifest(
    state: dict[str, Any],
    policy: SaccadePolicy,
    graph: Graph,
    sha256: str,
    parity: dict[str, float],
    name: str,
) -> dict[str, Any]:
    data, config, chosen = state["data"], state["config"], Chosen.of(state)
    manifested = ("cameras", "joints", "rate_hz", "task")
    return {
        "format": "saccade-policy",
        "version": 1,
        "name": name,
        "task": data["task"],
        "rate_hz": data["rate_hz"],
        "graph": {"file": "policy.onnx", "sha256": sha256},
        "cameras": [
            {
                "name": c.name,
                "role": c.role,
                "width": c.width,
                "height": c.height,
                "inputs": graph.frames_of(c.name),
            }
            for c in policy.cameras
        ],
        "state": {"input": "state", "joints": list(policy.joints)},
        "action": {
            "output": "action",
            "joints": list(policy.joints),
            "chunk": policy.config.act.chunk,
            "kind": "joint_position",
        },
        "memory": graph.memory(),
        "views": [view_entry(policy, output) for output in graph.view_names],
        "strategy": {"name": "ensemble", "m": 0.01},
        "provenance": {
            "architecture": {
                **config["policy"],
                "parameters": sum(p.numel() for p in policy.parameters()),
            },
            "dataset": {key: value for key, value in data.items() if key not in manifested},
            "training": {
                "seed": config["train"]["seed"],
                "steps": chosen.step,
                "minutes": round(state["seconds"] / 60, 1),
                "cpu_minutes": round(state["cpu_seconds"] / 60, 2),
                "validation_l1": chosen.validation_l1,
                "options": config["train"],
            },
            "versions": versions(),
            "parity": {k: float(f"{v:.2e}") for k, v in parity.items()},
        },
    }


def versions() -> dict[str, Any]:
    """What a graph was made with, for its provenance."""
    return {
        "saccade_training": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
        "opset": OPSET,
    }


def write_bundle(
    out: Path, write: Callable[[Path], dict[str, float]], describe: Callable[[str, dict[str, float]], Any]
) -> dict[str, Any]:
    """Makes `out` a bundle; nothing there changes unless the graph checks out.

    write: writes the graph into a file and gives its parity; describe: its SHA-256 and parity → the manifest.
    """
    out.mkdir(parents=True, exist_ok=True)
    temporary = out / ".policy.onnx"
    try:
        parity = write(temporary)
        sha256 = hashlib.sha256(temporary.read_bytes()).hexdigest()
        written = describe(sha256, parity)
        text = to_yaml(written)
        temporary.replace(out / "policy.onnx")
        write_manifest(out, text)
    finally:
        temporary.unlink(missing_ok=True)
    return written


def export(run: Run, out: Path, name: str | None = None) -> dict[str, Any]:
    """Writes policy.onnx and policy.yaml into `out`; nothing there changes unless the graph checks out."""
    state = run.load()
    config, policy = restore(state)
    graph = Graph(policy).eval()

    def write(path: Path) -> dict[str, float]:
        export_graph(graph, path)
        return check_parity(graph, path)

    return write_bundle(
        out,
        write,
        lambda sha256, parity: manifest(state, policy, graph, sha256, parity, name or config.name),
    )


def to_yaml(written: dict[str, Any]) -> str:
    return yaml.dump(written, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)


class _Plain(yaml.SafeDumper):
    """Writes a value that occurs twice twice: an alias would be one more thing to read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def write_manifest(bundle: Path, text: str) -> None:
    temporary = bundle / ".policy.yaml"
    temporary.write_text(text)
    temporary.replace(bundle / "policy.yaml")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Export a trained run as a policy bundle.")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="bundle folder")
    parser.add_argument("--name", help="the policy's name; by default the config's")
    parser.add_argument("--json", action="store_true", help="print one machine-readable object")
    args = parser.parse_args(argv)
    try:
        written = export(Run(args.run), args.out, args.name)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    parity = written["provenance"]["parity"]
    if args.json:
        print(json.dumps({"bundle": str(args.out), "sha256": written["graph"]["sha256"], "parity": parity}))
    else:
        size = (args.out / "policy.onnx").stat().st_size / 1e6
        print(f"{args.out}: policy.onnx {size:.1f} MB, max |ONNX − PyTorch| {max(parity.values()):.1e}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
