"""Makes half-precision, 8-bit and optimised variants of a policy bundle, and measures what they lose.

python -m saccade_training.variants models/NAME --fp16 --int8 --optimized [--data DATASET] [--out FOLDER]

A variant is a bundle of its own, NAME-fp16 and so on, whose manifest says what it was made from and how
far its actions are from the original's. The graph's edges stay as they are: pixels uint8, the rest float32.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
import yaml
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.float16 import convert_float_to_float16

from .config import ConfigError
from .dataset import Demonstrations
from .export import to_yaml, write_manifest

Observation = dict[str, np.ndarray]  # by graph input

# Convolutions are left out: ONNX Runtime's integer ones are slower on CPUs than its float ones.
INT8_OPERATORS = ["MatMul", "Gemm"]


class Bundle:
    """A bundle as far as it matters here."""

    def __init__(self, folder: Path) -> None:
        """Raises ConfigError."""
        self.folder, manifest = folder, folder / "policy.yaml"
        try:
            self.manifest: dict[str, Any] = yaml.safe_load(manifest.read_text())
            self.name: str = self.manifest["name"]
            self.cameras: list[dict[str, Any]] = self.manifest["cameras"]
            self.joints: list[str] = self.manifest["state"]["joints"]
            self.graph = folder / self.manifest["graph"]["file"]
            self.sha256: str = self.manifest["graph"]["sha256"]
        except FileNotFoundError as error:
            raise ConfigError(f"{manifest} does not exist: give the folder of a bundle") from error
        except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
            raise ConfigError(f"{manifest} is not a policy manifest: export the policy again") from error
        if not self.graph.is_file():
            raise ConfigError(f"{self.graph} does not exist, which {manifest} names in graph.file")
        if hashlib.sha256(self.graph.read_bytes()).hexdigest() != self.sha256:
            raise ConfigError(
                f"{self.graph} is not the one that {manifest} names in graph.sha256: copy it again"
            )
        if "variant" in self.manifest.get("provenance", {}):
            raise ConfigError(f"{folder} is a variant already: make variants of the original")

    def observation(self, frames: list[tuple[np.ndarray, np.ndarray]], state: np.ndarray) -> Observation:
        """Inputs of an episode's first run. frames: per camera current, previous [1, H, W, 3]."""
        memory = self.manifest.get("memory", {})
        inputs: Observation = {self.manifest["state"]["input"]: state}
        for camera, (current, previous) in zip(self.cameras, frames, strict=True):
            inputs[camera["inputs"]["current"]] = current
            if "previous" in camera["inputs"]:
                inputs[camera["inputs"]["previous"]] = previous
        for pair in memory.get("pairs", []):
            inputs[pair["input"]] = np.full(pair["shape"], pair["initial"], np.dtype(pair["dtype"]))
        if "first" in memory:
            inputs[memory["first"]] = np.array([True])
        return inputs


# -- observations ----------------------------------------------------------------------------------


def seeded(bundle: Bundle, count: int) -> Iterator[Observation]:
    """Smooth textures, the previous frame moved a little, and joints about zero."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        frames = []
        for camera in bundle.cameras:
            h, w = camera["height"], camera["width"]
            coarse = rng.integers(0, 256, (1, h // 8 + 2, w // 8 + 2, 3), dtype=np.uint8)
            steps = coarse.repeat(8, axis=1).repeat(8, axis=2)
            shifts = [steps[:, y : y + h, x : x + w] for y in (0, 2, 4, 6) for x in (0, 2, 4, 6)]
            frame = np.mean(shifts, axis=0).astype(np.uint8)
            frames.append((frame, np.roll(frame, rng.integers(-2, 3, 2), axis=(1, 2))))
        yield bundle.observation(frames, rng.normal(0, 0.5, (1, len(bundle.joints))).astype(np.float32))


def recorded(bundle: Bundle, data: Demonstrations, count: int) -> Iterator[Observation]:
    """`count` rows, evenly spread. Raises ConfigError where they are another robot's."""
    if list(data.joints) != bundle.joints:
        raise ConfigError(f"--data has the joints {data.joints}, {bundle.folder} has {bundle.joints}")
    found = [(c.name, c.width, c.height) for c in data.cameras]
    wanted = [(c["name"], c["width"], c["height"]) for c in bundle.cameras]
    if missing := [camera for camera in wanted if camera not in found]:
        name, width, height = missing[0]
        raise ConfigError(f"--data has no camera {name} of {width}×{height}, which {bundle.folder} needs")
    order = [found.index(camera) for camera in wanted]
    for row in torch.linspace(0, len(data) - 1, min(count, len(data))).long():
        batch = data.batch(row[None], 1)
        frames = [(batch.current[i].numpy(), batch.previous[i].numpy()) for i in order]
        yield bundle.observation(frames, batch.state.numpy())


def sample(bundle: Bundle, folder: Path | None, count: int) -> tuple[list[Observation], dict[str, Any]]:
    """Observations, and where they are from, as the manifest says it."""
    if folder is None:
        return list(seeded(bundle, count)), {"source": "seeded noise", "count": count}
    data = Demonstrations(folder, roles={camera["name"]: camera["role"] for camera in bundle.cameras})
    chosen = list(recorded(bundle, data, count))
    return chosen, {"source": "dataset", "dataset_sha256": data.source.sha256, "count": len(chosen)}


# -- conversion ------------------------------------------------------------------------------------


def to_fp16(source: Path, target: Path) -> None:
    """Weights and arithmetic in half precision, but for operators that need more."""
    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)


def to_int8(source: Path, target: Path) -> None:
    """8-bit weights; activations are quantised as they come, so no calibration is needed."""
    with _quiet():
        quantize_dynamic(
            source, target, op_types_to_quantize=INT8_OPERATORS, per_channel=True, weight_type=QuantType.QInt8
        )


def to_optimized(source: Path, target: Path) -> None:
    """What ONNX Runtime makes of the graph whenever it opens it: constants folded, nodes fused.

    But for what suits this machine's processor alone, which is left to the opening.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


CONVERSIONS: dict[str, Callable[[Path, Path], None]] = {
    "fp16": to_fp16,
    "int8": to_int8,
    "optimized": to_optimized,
}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser advises on standard output and on the root logger."""
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)


# -- loss ------------------------------------------------------------------------------------------


def actions(graph: Path, output: str, observations: list[Observation]) -> np.ndarray:
    """[observations, K, A] in robot units."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run([output], inputs)[0] for inputs in observations])


def loss(original: np.ndarray, variant: np.ndarray) -> dict[str, float]:
    """|Δaction|, rad (m), over observations, rows and joints; `next_max` of each chunk's first row alone."""
    difference = np.abs(variant.astype(np.float64) - original)
    figures = {"max": difference.max(), "mean": difference.mean(), "next_max": difference[:, 0].max()}
    return {name: float(f"{value:.2e}") for name, value in figures.items()}


# -- the variant as a bundle -----------------------------------------------------------------------


def make(
    bundle: Bundle, kind: str, out: Path, observations: list[Observation], origin: dict[str, Any]
) -> dict[str, Any]:
    """Writes the variant into `out`, unless its actions are not finite; returns its manifest.

    origin: of the observations, for the manifest.
    """
    output = bundle.manifest["action"]["output"]
    with tempfile.TemporaryDirectory(dir=_folder(out), prefix=".variant-") as temporary:
        graph = Path(temporary) / "policy.onnx"
        CONVERSIONS[kind](bundle.graph, graph)
        original = actions(bundle.graph, output, observations)
        found = actions(graph, output, observations)
        if not np.isfinite(found).all():
            raise ConfigError(f"{bundle.folder} overflows as {kind}: some of its actions are not finite")
        manifest = variant_manifest(bundle, kind, graph.read_bytes())
        manifest["provenance"]["variant"] |= {
            "observations": origin,
            "loss": loss(original, found),
        }
        graph.replace(out / "policy.onnx")
    write_manifest(out, to_yaml(manifest))
    return manifest


def variant_manifest(bundle: Bundle, kind: str, graph: bytes) -> dict[str, Any]:
    """The original's, but for the graph, the name, and what was measured on the original alone."""
    provenance = bundle.manifest.get("provenance", {})
    kept = {key: value for key, value in provenance.items() if key not in ("parity", "measured")}
    return {
        **bundle.manifest,
        "name": f"{bundle.name}-{kind}",
        "graph": {"file": "policy.onnx", "sha256": hashlib.sha256(graph).hexdigest()},
        "provenance": {
            **kept,
            "variant": {
                "of": {"name": bundle.name, "graph_sha256": bundle.sha256},
                "precision": "float32" if kind == "optimized" else kind,
                **({"operators": INT8_OPERATORS} if kind == "int8" else {}),
                "versions": {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__},
            },
        },
    }


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {path} cannot be written: {error.strerror}") from error
    return path


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Make half-precision, 8-bit and optimised variants of a policy bundle."
    )
    parser.add_argument("bundle", type=Path, help="folder of the original")
    parser.add_argument("--fp16", action="store_true", help="half precision, for GPUs")
    parser.add_argument("--int8", action="store_true", help="8-bit weights, for CPUs")
    parser.add_argument("--optimized", action="store_true", help="opens faster, for CPUs")
    parser.add_argument("--data", type=Path, help="LeRobotDataset to measure on (default: seeded noise)")
    parser.add_argument("--observations", type=int, default=100, help="how many of them (default: 100)")
    parser.add_argument("--out", type=Path, help="where the folders go (default: beside the original)")
    parser.add_argument("--json", action="store_true", help="print one machine-readable object")
    args = parser.parse_args(argv)
    kinds = [kind for kind in CONVERSIONS if getattr(args, kind)]
    try:
        if not kinds:
            raise ConfigError("nothing to make: give --fp16, --int8 or --optimized")
        if args.observations < 1:
            raise ConfigError(f"--observations must be at least 1, not {args.observations}")
        bundle = Bundle(args.bundle)
        observations, origin = sample(bundle, args.data, args.observations)
        parent = args.out or args.bundle.resolve().parent
        made = {}
        for kind in kinds:
            out = parent / f"{bundle.name}-{kind}"
            made[out] = make(bundle, kind, out, observations, origin)["provenance"]["variant"]
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps({str(out): variant for out, variant in made.items()}))
        return 0
    for out, variant in made.items():
        size, was = (p.stat().st_size / 1e6 for p in (out / "policy.onnx", bundle.graph))
        lost = variant["loss"]
        print(f"{out}: {size:.1f} MB (was {was:.1f}), |Δaction| max {lost['max']}, mean {lost['mean']} rad")
    return 0


if __name__ == "__main__":
    sys.exit(main())
