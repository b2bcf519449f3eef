"""Export: the bundle's manifest and graph, agreement with PyTorch, and refusal when they disagree."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from synthetic import CAMERAS, JOINTS
from tiny import random_frames, tiny_config, tiny_policy

from saccade_training import export as exporting
from saccade_training.config import ConfigError
from saccade_training.dataset import Demonstrations
from saccade_training.export import Graph, check_parity, export, export_graph
from saccade_training.export import main as export_main
from saccade_training.policy import Carried, SaccadePolicy
from saccade_training.record_measurement import main as record_main
from saccade_training.run import Run, restore
from saccade_training.train import Trainer


@pytest.fixture(scope="module")
def run(data: Demonstrations, tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run.open(tmp_path_factory.mktemp("run"))
    Trainer(tiny_config(steps=2), data, run).train(lambda _: None)
    return run


@pytest.fixture(scope="module")
def bundle(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    export(run, folder)
    return folder


def read(bundle: Path) -> dict[str, Any]:
    return yaml.safe_load((bundle / "policy.yaml").read_text())


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def test_the_manifest_is_as_documented(bundle: Path, data: Demonstrations) -> None:
    manifest = read(bundle)
    graph = (bundle / "policy.onnx").read_bytes()
    provenance = manifest.pop("provenance")
    views = manifest.pop("views")
    assert manifest == {
        "format": "saccade-policy",
        "version": 1,
        "name": "tiny",
        "task": "push the square",
        "rate_hz": 20,
        "graph": {"file": "policy.onnx", "sha256": hashlib.sha256(graph).hexdigest()},
        "cameras": [
            {
                **camera,
                "width": 32,
                "height": 32,
                "inputs": {"current": camera["name"], "previous": f"{camera['name']}_previous"},
            }
            for camera in CAMERAS
        ],
        "state": {"input": "state", "joints": JOINTS},
        "action": {"output": "action", "joints": JOINTS, "chunk": 4, "kind": "joint_position"},
        "memory": {"pairs": []},
        "strategy": {"name": "ensemble", "m": 0.01},
    }
    assert {"output": "flow_head", "kind": "flow", "camera": "head", "range_px": 20.0} in views
    assert {"output": "m_head", "kind": "m", "camera": "head"} in views
    assert {"output": "p_head", "kind": "p", "camera": "head"} in views
    assert {
        "output": "attention_head_from_wrist_detail",
        "kind": "attention",
        "camera": "head",
        "source": "wrist_detail",
        "grid": [3, 3],
    } in views
    assert sorted(v["kind"] for v in views) == ["attention"] * 6 + ["flow"] * 3 + ["m"] * 3 + ["p"] * 3
    assert provenance["architecture"]["flow"]["method"] == "lucas_kanade"
    assert provenance["architecture"]["parameters"] > 1000
    dataset = provenance["dataset"]
    assert len(dataset.pop("validation_episodes")) == 1
    assert dataset == {
        "robot": "sim_arm",
        "generator": "saccade 0.0.0",
        "seeds": [100000, 100003],
        "episodes": 4,
        "rows": 46,
        "dataset_sha256": data.source.sha256,
    }
    assert provenance["training"]["steps"] == 2
    assert provenance["training"]["seed"] == 1
    assert provenance["training"]["validation_l1"] > 0
    assert provenance["training"]["options"]["batch"] == 8
    assert provenance["versions"]["torch"] == str(torch.__version__)
    assert set(provenance["parity"]) == {"action", *(v["output"] for v in views)}
    assert max(provenance["parity"].values()) <= 1e-4


def test_the_graph_takes_raw_pixels_and_joints_and_names_what_the_manifest_names(bundle: Path) -> None:
    manifest, graph = read(bundle), session(bundle / "policy.onnx")
    inputs = {x.name: (x.type, x.shape) for x in graph.get_inputs()}
    expected: dict[str, Any] = {"state": ("tensor(float)", [1, 7])}
    for camera in manifest["cameras"]:
        for name in camera["inputs"].values():
            expected[name] = ("tensor(uint8)", [1, 32, 32, 3])
    assert inputs == expected
    outputs = {x.name: (x.type, x.shape) for x in graph.get_outputs()}
    assert list(outputs) == ["action", *(v["output"] for v in manifest["views"])]
    assert {kind for kind, _ in outputs.values()} == {"tensor(float)"}
    assert outputs["action"][1] == [1, 4, 7]
    assert outputs["flow_head"][1] == [1, 2, 16, 16]
    assert outputs["m_head"][1] == [1, 4, 32, 32]
    assert outputs["p_head"][1] == [1, 5, 32, 32]
    assert outputs["attention_head_from_wrist_detail"][1] == [1, 4, 9]


def test_the_graph_gives_actions_in_robot_units(run: Run, bundle: Path) -> None:
    state = run.load()
    config, policy = restore(state)
    frames, joints = random_frames(batch=1, seed=7), torch.full((1, 7), 0.2)
    with torch.no_grad():
        target = policy(frames, frames, joints).target
    absolute = target * policy.target_std + policy.target_mean
    absolute[..., :6] += 0.2  # all but the gripper are relative to where they are
    feed = {"state": joints.numpy()}
    for camera, frame in zip(CAMERAS, frames, strict=True):
        feed[camera["name"]] = feed[f"{camera['name']}_previous"] = frame.numpy()
    action, flow, m = session(bundle / "policy.onnx").run(["action", "flow_head", "m_head"], feed)
    assert config.policy.act.relative
    assert np.abs(action - absolute.numpy()).max() < 1e-4
    assert np.abs(flow).max() == 0
    assert np.abs(m).max() == 0


@pytest.mark.parametrize(
    "policy",
    [
        {"flow": {"method": "off"}, "mp": {"enabled": False}, "act": {"cvae": False, "relative": False}},
        {"flow": {"fusion": "alpha", "scale": 1.0}, "mp": {"fusion": "attention", "cls_fusion": "attention"}},
        {"flow": {"fusion": "attention", "scale": 0.75}, "mp": {"fusion": "gating", "cls_fusion": "mlp"}},
        {"cameras": {"mode": "pooled", "pooling": "saliency"}, "backbone": {"shared": True}},
        {"backbone": {"name": "resnet18", "channels": [8], "strides": [2]}, "act": {"d": 24}},
        {"cameras": {"mode": "plain", "broadcast": ["state"]}, "mp": {"aggregation": "averages"}},
        {"mp": {"aggregation": "averages_fc"}, "act": {"vq": True}},
        {"mp": {"aggregation": "all_patches"}, "cameras": {"broadcast": ["state", "command"]}},
        {
            "mp": {"patches": "tokens", "weights": "shared"},
            "memory": {"enabled": True, "length": 3, "heads": 2, "layers": 2},
        },
        {"mp": {"fusion": "mlp", "cls_fusion": "gating"}},
    ],
    ids=["bare", "alpha", "channel-attention", "pooled", "resnet18", "A", "B", "D", "memory", "mlp"],
)
def test_other_architectures_agree_with_pytorch_too(policy: dict[str, Any], tmp_path: Path) -> None:
    graph = Graph(tiny_policy(policy).eval()).eval()
    export_graph(graph, tmp_path / "policy.onnx")
    parity = check_parity(graph, tmp_path / "policy.onnx")
    assert list(parity) == graph.outputs
    views = {name.split("_")[0] for name in graph.view_names}
    assert ("flow" in views) == (policy.get("flow", {}).get("method") != "off")


def test_what_is_carried_is_declared_and_the_graph_goes_on_from_it(
    data: Demonstrations, tmp_path: Path
) -> None:
    options = {"memory": {"enabled": True, "length": 3, "heads": 2, "sequence": 4}}
    run = Run.open(tmp_path / "run")
    config = tiny_config({**options, "cameras": {"broadcast": ["command"]}}, steps=1)
    Trainer(config, data, run).train(lambda _: None)
    export(run, tmp_path / "bundle")
    memory = read(tmp_path / "bundle")["memory"]
    shapes = {
        "command": ("float32", [1, 7]),
        "memory_keys": ("float32", [1, 1, 3, 16]),
        "memory_values": ("float32", [1, 1, 3, 16]),
        "memory_valid": ("bool", [1, 3]),
    }
    assert memory == {
        "first": "first",
        "pairs": [
            {"input": name, "output": f"{name}_next", "dtype": dtype, "shape": shape, "initial": 0}
            for name, (dtype, shape) in shapes.items()
        ],
    }
    graph = session(tmp_path / "bundle" / "policy.onnx")
    _, policy = restore(run.load())
    names = ["action", *(f"{name}_next" for name in shapes)]
    carried = {k: np.zeros(shape, dtype=dtype) for k, (dtype, shape) in shapes.items()}
    frames = random_frames(batch=5, seed=3)
    states = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    first, commands, found = torch.tensor([[True, False, False, True, False]]), [], []
    for t in range(5):
        feed = {"state": states[t : t + 1].numpy(), "first": first[0, t : t + 1].numpy(), **carried}
        for camera, frame in zip(CAMERAS, frames, strict=True):
            now, before = frame[t : t + 1].numpy(), frame[max(0, t - 1) : max(0, t - 1) + 1].numpy()
            feed |= {camera["name"]: now, f"{camera['name']}_previous": before}
        action, *following = graph.run(names, feed)
        found.append(action[0])
        commands.append(carried["command"][0])
        carried = dict(zip(shapes, following, strict=True))
        assert np.array_equal(carried["command"], action[:, 0])
    # the whole episode at once in PyTorch
    before = [torch.cat([frame[:1], frame[:-1]]) for frame in frames]
    with torch.no_grad():
        out = policy(frames, before, states, carried=Carried(first, torch.from_numpy(np.stack(commands))))
    assert np.abs(np.stack(found) - policy.actions(out.target, states).numpy()).max() < 1e-4


def test_a_policy_that_does_not_look_at_the_previous_frame_does_not_ask_for_it(
    data: Demonstrations, tmp_path: Path
) -> None:
    run = Run.open(tmp_path / "run")
    still = {"flow": {"method": "off"}, "mp": {"enabled": False}}
    Trainer(tiny_config(still, steps=1), data, run).train(lambda _: None)
    export(run, tmp_path / "bundle")
    names = [camera["name"] for camera in CAMERAS]
    assert [c["inputs"] for c in read(tmp_path / "bundle")["cameras"]] == [{"current": n} for n in names]
    graph = session(tmp_path / "bundle" / "policy.onnx")
    assert [x.name for x in graph.get_inputs()] == [*names, "state"]


def test_raft_agrees_with_pytorch_too(tmp_path: Path) -> None:
    flow = {"method": "raft_small", "weights": "not read here", "updates": 2}
    graph = Graph(tiny_policy({"flow": flow}, size=128).eval()).eval()
    export_graph(graph, tmp_path / "policy.onnx")
    assert check_parity(graph, tmp_path / "policy.onnx")["flow_head"] <= 1e-4


@pytest.mark.parametrize("spoil", ["weights", "nan"])
def test_a_graph_that_differs_from_pytorch_is_not_exported(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    def write_another(graph: Graph, path: Path) -> None:
        other = copy.deepcopy(graph)
        with torch.no_grad():
            bias = other.policy.act.head.bias
            bias += 0.01 if spoil == "weights" else float("nan")
        export_graph(other, path)

    out = tmp_path / "bundle"
    out.mkdir()
    (out / "policy.yaml").write_text("the old one")
    monkeypatch.setattr(exporting, "export_graph", write_another)
    with pytest.raises(ConfigError, match=r"differs from PyTorch by more than 0\.0001.*action.*not exported"):
        export(run, out)
    assert [p.name for p in out.iterdir()] == ["policy.yaml"]
    assert (out / "policy.yaml").read_text() == "the old one"


def test_an_operation_onnx_lacks_is_refused_in_one_sentence(tmp_path: Path) -> None:
    class Unwritable(SaccadePolicy):
        def actions(self, target: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
            return torch.linalg.qr(target)[0]

    policy = tiny_policy()
    policy.__class__ = Unwritable
    with pytest.raises(ConfigError, match=r"cannot be written as ONNX opset \d+: .*qr") as caught:
        export_graph(Graph(policy.eval()).eval(), tmp_path / "policy.onnx")
    assert "\n" not in str(caught.value)


def test_the_command_exports_and_refuses(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bundle"
    assert export_main([f"--run={run.folder}", f"--out={out}", "--name=mine", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["sha256"] == read(out)["graph"]["sha256"]
    assert read(out)["name"] == "mine"
    assert export_main([f"--run={tmp_path}", f"--out={out}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path / 'checkpoint.pt'} does not exist")
    assert error.count("\n") == 1


# -- recording what was measured -------------------------------------------------------------------


def summary(bundle: Path, strategy: dict[str, Any], **run: Any) -> dict[str, Any]:
    return {
        "episodes": 200,
        "success_rate": 0.5,
        "success_ci95": [0.43, 0.57],
        "average_return": 20.5,
        "results": [{"seed": 1}],
        "run": {
            "strategy": strategy,
            "graph_sha256": read(bundle)["graph"]["sha256"],
            "control": None,
            "seed": 1,
            "episodes": 200,
            **run,
        },
    }


@pytest.fixture
def measured(bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(bundle, tmp_path / "measured")


def record(bundle: Path, content: object, *options: str) -> int:
    path = bundle.parent / "summary.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return record_main([f"--bundle={bundle}", f"--summary={path}", *options])


def test_measurements_are_recorded_by_strategy_and_seeds_and_one_is_selected(measured: Path) -> None:
    before = read(measured)
    receding = summary(measured, {"name": "receding", "steps": 10})
    assert record(measured, summary(measured, {"name": "ensemble", "m": 0.01})) == 0
    assert record(measured, receding, "--select") == 0
    assert record(measured, summary(measured, {"name": "latest"}, control="blank-cameras")) == 0
    after = read(measured)
    found = after["provenance"].pop("measured")
    assert list(found) == [
        "ensemble-m0.01-seeds-1-200",
        "receding-steps10-seeds-1-200",
        "blank-cameras-latest-seeds-1-200",
    ]
    del receding["results"]
    assert found["receding-steps10-seeds-1-200"] == receding
    assert "*id" not in (measured / "policy.yaml").read_text()
    assert after.pop("strategy") == {"name": "receding", "steps": 10}
    del before["strategy"]
    assert after == before


def test_a_measurement_of_another_graph_is_refused(
    measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (measured / "policy.yaml").read_bytes()
    assert record(measured, summary(measured, {"name": "latest"}, graph_sha256="0" * 64)) == 2
    assert "run.graph_sha256 is not that of" in capsys.readouterr().err
    assert (measured / "policy.yaml").read_bytes() == before


def test_a_control_run_is_never_selected(measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = summary(measured, {"name": "latest"}, control="blank-cameras")
    assert record(measured, content, "--select") == 2
    assert "control run blank-cameras" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"run": {}}', '{"run": 1}'])
def test_what_is_no_summary_is_refused(
    measured: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    assert record(measured, content) == 2
    error = capsys.readouterr().err
    assert "summary.json is not a summary of saccade rollout" in error
    assert error.count("\n") == 1


def test_what_is_no_bundle_is_refused(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = summary(measured, {"name": "latest"})
    empty = tmp_path / "empty"
    empty.mkdir()
    assert record(empty, content) == 2
    assert "policy.yaml does not exist" in capsys.readouterr().err
    (empty / "policy.yaml").write_text("a: [")
    assert record(empty, content) == 2
    assert "is not a policy manifest" in capsys.readouterr().err
