"""Variants: bundles of other precision, how far their actions are from the original, and what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper
from synthetic import JOINTS, write_demos
from tiny import tiny_config

from saccade_training.config import ConfigError
from saccade_training.dataset import Demonstrations
from saccade_training.export import export
from saccade_training.run import Run
from saccade_training.train import Trainer
from saccade_training.variants import Bundle, actions, loss, recorded, seeded, to_fp16, to_int8
from saccade_training.variants import main as variants_main


@pytest.fixture(scope="module")
def bundle(data: Demonstrations, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = Run.open(tmp_path_factory.mktemp("run"))
    Trainer(tiny_config(steps=2), data, run).train(lambda _: None)
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    export(run, folder)
    return folder


def read(bundle: Path) -> dict[str, Any]:
    return yaml.safe_load((bundle / "policy.yaml").read_text())


def edges(graph: Path) -> dict[str, tuple[str, list[int]]]:
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    return {x.name: (x.type, x.shape) for x in [*session.get_inputs(), *session.get_outputs()]}


def weights(graph: Path) -> dict[int, int]:
    """Elements of initialisers by data type."""
    counts: dict[int, int] = {}
    for tensor in onnx.load(graph).graph.initializer:
        counts[tensor.data_type] = counts.get(tensor.data_type, 0) + int(np.prod(tensor.dims))
    return counts


def handmade(folder: Path, gain: float) -> Path:
    """A bundle with memory: action = gain·state + count_in + 100·first."""
    weight = numpy_helper.from_array(gain * np.eye(2, dtype=np.float32), "weight")
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "weight"], ["scaled"]),
            helper.make_node("Cast", ["first"], ["begun"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["begun", "hundred"], ["begin"]),
            helper.make_node("Add", ["count_in", "begin"], ["count_out"]),
            helper.make_node("Cast", ["eye"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMin", ["pixels"], ["dark"], keepdims=0),
            helper.make_node("Mul", ["dark", "zero"], ["nothing"]),
            helper.make_node("Add", ["scaled", "count_out"], ["sum"]),
            helper.make_node("Add", ["sum", "nothing"], ["flat"]),
            helper.make_node("Reshape", ["flat", "shape"], ["action"]),
        ],
        "handmade",
        [
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [1, 2]),
            helper.make_tensor_value_info("eye", TensorProto.UINT8, [1, 8, 12, 3]),
            helper.make_tensor_value_info("first", TensorProto.BOOL, [1]),
            helper.make_tensor_value_info("count_in", TensorProto.FLOAT, [1, 1]),
        ],
        [
            helper.make_tensor_value_info("action", TensorProto.FLOAT, [1, 1, 2]),
            helper.make_tensor_value_info("count_out", TensorProto.FLOAT, [1, 1]),
        ],
        [
            weight,
            numpy_helper.from_array(np.array([100], np.float32), "hundred"),
            numpy_helper.from_array(np.array(0, np.float32), "zero"),
            numpy_helper.from_array(np.array([1, 1, 2], np.int64), "shape"),
        ],
    )
    folder.mkdir(parents=True)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        folder / "policy.onnx",
    )
    sha256 = hashlib.sha256((folder / "policy.onnx").read_bytes()).hexdigest()
    pair = {"input": "count_in", "output": "count_out", "dtype": "float32", "shape": [1, 1], "initial": 7}
    manifest = {
        "name": "handmade",
        "graph": {"file": "policy.onnx", "sha256": sha256},
        "cameras": [{"name": "eye", "width": 12, "height": 8, "inputs": {"current": "eye"}}],
        "state": {"input": "state", "joints": ["a", "b"]},
        "action": {"output": "action"},
        "memory": {"first": "first", "pairs": [pair]},
    }
    (folder / "policy.yaml").write_text(yaml.safe_dump(manifest))
    return folder


def test_half_precision_is_inside_and_the_edges_stay(bundle: Path, tmp_path: Path) -> None:
    to_fp16(bundle / "policy.onnx", tmp_path / "fp16.onnx")
    assert edges(tmp_path / "fp16.onnx") == edges(bundle / "policy.onnx")
    counts = weights(tmp_path / "fp16.onnx")
    assert counts[TensorProto.FLOAT16] > 0.95 * weights(bundle / "policy.onnx")[TensorProto.FLOAT]


def test_weights_become_8_bit_but_not_those_of_convolutions(bundle: Path, tmp_path: Path) -> None:
    to_int8(bundle / "policy.onnx", tmp_path / "int8.onnx")
    assert edges(tmp_path / "int8.onnx") == edges(bundle / "policy.onnx")
    assert weights(tmp_path / "int8.onnx")[TensorProto.INT8] > 1000
    operators = [node.op_type for node in onnx.load(tmp_path / "int8.onnx").graph.node]
    assert "MatMulInteger" in operators
    assert "ConvInteger" not in operators
    assert operators.count("Conv") == [n.op_type for n in onnx.load(bundle / "policy.onnx").graph.node].count(
        "Conv"
    )


def test_an_optimized_graph_has_fewer_nodes_and_the_same_actions(bundle: Path, tmp_path: Path) -> None:
    arguments = [str(bundle), "--optimized", "--observations=4", f"--out={tmp_path}"]
    assert variants_main(arguments) == 0
    made = tmp_path / "tiny-optimized"
    assert edges(made / "policy.onnx") == edges(bundle / "policy.onnx")
    before, after = (len(onnx.load(folder / "policy.onnx").graph.node) for folder in (bundle, made))
    assert after < 0.9 * before
    variant = read(made)["provenance"]["variant"]
    assert variant["precision"] == "float32"
    assert variant["loss"]["max"] < 1e-5


def test_a_variant_is_a_bundle_that_says_what_it_is(bundle: Path, demos: Path, tmp_path: Path) -> None:
    before = read(bundle)
    before["provenance"]["measured"] = {"ensemble": {"success_rate": 1}}
    original = shutil.copytree(bundle, tmp_path / "original")
    (original / "policy.yaml").write_text(yaml.safe_dump(before))
    out = tmp_path / "made"
    assert variants_main([str(original), "--fp16", "--int8", f"--data={demos}", f"--out={out}"]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["tiny-fp16", "tiny-int8"]
    for kind in ("fp16", "int8"):
        folder = out / f"tiny-{kind}"
        assert sorted(p.name for p in folder.iterdir()) == ["policy.onnx", "policy.yaml"]
        after = read(folder)
        assert after.pop("name") == f"tiny-{kind}"
        sha256 = hashlib.sha256((folder / "policy.onnx").read_bytes()).hexdigest()
        assert after.pop("graph") == {"file": "policy.onnx", "sha256": sha256}
        variant = after["provenance"].pop("variant")
        assert variant["of"] == {"name": "tiny", "graph_sha256": before["graph"]["sha256"]}
        assert variant["precision"] == kind
        assert variant["versions"]["onnxruntime"] == onnxruntime.__version__
        found = variant["observations"]
        assert found == {"source": "dataset", "dataset_sha256": found["dataset_sha256"], "count": 46}
        assert 0 < variant["loss"]["mean"] < variant["loss"]["max"] < {"fp16": 0.01, "int8": 0.1}[kind]
        # what was measured on the original says nothing of it
        rest = {k: v for k, v in before.items() if k not in ("name", "graph")}
        rest["provenance"] = {
            k: v for k, v in before["provenance"].items() if k not in ("parity", "measured")
        }
        assert after == rest


def test_the_loss_is_that_of_the_same_observations(bundle: Path, tmp_path: Path) -> None:
    observations = list(seeded(Bundle(bundle), 3))
    original = actions(bundle / "policy.onnx", "action", observations)
    assert original.shape == (3, 4, 7)
    assert loss(original, original) == {"max": 0, "mean": 0, "next_max": 0}
    other = original.copy()
    other[1, 2, 3] += 0.5
    other[2, 0, 6] -= 0.25
    assert loss(original, other) == pytest.approx(
        {"max": 0.5, "mean": 0.75 / original.size, "next_max": 0.25}, rel=0.01
    )


def test_seeded_observations_are_the_same_every_time_and_fit_the_graph(bundle: Path) -> None:
    one, two = (list(seeded(Bundle(bundle), 2)) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        assert a.keys() == b.keys()
        assert all(np.array_equal(a[name], b[name]) for name in a)
    assert not np.array_equal(one[0]["head"], one[1]["head"])
    assert one[0]["head"].std() > 20
    assert one[0]["head"].shape == (1, 32, 32, 3)


def test_recorded_observations_are_the_rows_of_the_dataset(bundle: Path, data: Demonstrations) -> None:
    rows = list(recorded(Bundle(bundle), data, 3))
    assert [
        np.abs(r["state"] - data.state[i].numpy()).max() for r, i in zip(rows, (0, 22, 45), strict=True)
    ] == [
        0,
        0,
        0,
    ]
    assert np.array_equal(rows[1]["head"][0], data.frames[2][22].numpy())
    assert np.array_equal(rows[1]["head_previous"][0], data.frames[2][21].numpy())
    assert np.array_equal(rows[0]["head_previous"], rows[0]["head"])
    assert len(list(recorded(Bundle(bundle), data, 1000))) == len(data)


def test_memory_starts_as_the_manifest_says(tmp_path: Path) -> None:
    folder = handmade(tmp_path / "handmade", gain=2)
    observations = list(seeded(Bundle(folder), 2))
    found = actions(folder / "policy.onnx", "action", observations)
    expected = [[2 * observation["state"][0] + 107] for observation in observations]
    assert np.allclose(found, expected)
    assert variants_main([str(folder), "--fp16", "--json"]) == 0
    assert read(tmp_path / "handmade-fp16")["provenance"]["variant"]["loss"]["max"] < 0.1


def test_a_variant_that_overflows_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = handmade(tmp_path / "handmade", gain=1e6)
    assert variants_main([str(folder), "--fp16"]) == 2
    assert "overflows as fp16: some of its actions are not finite" in capsys.readouterr().err
    assert not list((tmp_path / "handmade-fp16").iterdir())


def test_the_command_prints_what_it_made(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert variants_main([str(bundle), "--int8", "--observations=4", f"--out={tmp_path}", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    (variant,) = printed.values()
    assert list(printed) == [str(tmp_path / "tiny-int8")]
    assert variant == read(tmp_path / "tiny-int8")["provenance"]["variant"]
    assert variant["observations"] == {"source": "seeded noise", "count": 4}
    assert variants_main([str(bundle), "--int8", "--observations=4", f"--out={tmp_path}"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{tmp_path / 'tiny-int8'}: ")
    assert out.count("\n") == 1


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert variants_main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


def test_what_cannot_be_is_refused_in_one_sentence(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "give --fp16, --int8 or --optimized" in refusal([str(bundle)], capsys)
    assert "--observations must be" in refusal([str(bundle), "--fp16", "--observations=0"], capsys)
    assert "policy.yaml does not exist" in refusal([str(tmp_path), "--fp16"], capsys)
    file = tmp_path / "file"
    file.write_text("mine")
    assert f"--out {file}" in refusal([str(bundle), "--fp16", f"--out={file}"], capsys)

    damaged = shutil.copytree(bundle, tmp_path / "damaged")
    graph = damaged / "policy.onnx"
    graph.write_bytes(graph.read_bytes() + b"\0")
    assert "graph.sha256" in refusal([str(damaged), "--fp16"], capsys)
    graph.unlink()
    assert "graph.file" in refusal([str(damaged), "--fp16"], capsys)
    (damaged / "policy.yaml").write_text("a: [")
    assert "is not a policy manifest" in refusal([str(damaged), "--fp16"], capsys)

    assert variants_main([str(bundle), "--fp16", "--observations=1", f"--out={tmp_path}"]) == 0
    assert "is a variant already" in refusal([str(tmp_path / "tiny-fp16"), "--int8"], capsys)


def test_a_dataset_of_another_robot_is_refused(bundle: Path, tmp_path: Path) -> None:
    other = Demonstrations(write_demos(tmp_path / "demos", episodes=1, steps=3, size=48))
    with pytest.raises(ConfigError, match=r"--data has no camera wrist_detail of 32×32, which .*tiny needs"):
        list(recorded(Bundle(bundle), other, 1))
    other.joints = JOINTS[::-1]
    with pytest.raises(ConfigError, match=r"--data has the joints \['gripper', .*tiny has \['shoulder_pan'"):
        list(recorded(Bundle(bundle), other, 1))
