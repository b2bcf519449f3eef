"""Importing ACT checkpoints: the bundle computes what LeRobot does; what cannot be imported is refused."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
import torchvision.transforms.functional as TF
import yaml
from act_checkpoints import (
    CAMERAS,
    CHUNK,
    HEIGHT,
    JOINTS,
    SMALL,
    WIDTH,
    Written,
    write_checkpoint,
    write_old_checkpoint,
)
from lerobot_writer import Demo, write_lerobot
from torch import Tensor

from saccade_training.config import ConfigError
from saccade_training.import_lerobot import Choices, import_checkpoint, main
from saccade_training.lerobot_checkpoint import ACTION, IMAGES, STATE, read_checkpoint
from saccade_training.lerobot_pipeline import POSTPROCESSOR, PREPROCESSOR
from saccade_training.safetensors import read_safetensors, write_safetensors

CHOICES = Choices(rate_hz=30, joints=list(JOINTS))
WRITERS = {"processors": write_checkpoint, "buffers": write_old_checkpoint}


def observation(seed: int, height: int = HEIGHT, width: int = WIDTH) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    frames = {
        IMAGES + camera: torch.randint(0, 256, (1, height, width, 3), generator=rng, dtype=torch.uint8)
        for camera in CAMERAS
    }
    return {**frames, STATE: torch.rand(1, len(JOINTS), generator=rng)}


def run(bundle: Path, seen: dict[str, Tensor]) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(bundle / "policy.onnx"), providers=["CPUExecutionProvider"])
    return session.run([ACTION], {key: value.numpy() for key, value in seen.items()})[0]


def normalise(mode: str, x: Tensor, of: dict[str, Tensor], old: bool) -> Tensor:
    """LeRobot's formulas: NormalizerProcessorStep._apply_transform, and Normalize.forward before 0.4."""
    if mode == "IDENTITY":
        return x
    if mode == "MEAN_STD":
        return (x - of["mean"]) / (of["std"] + 1e-8)
    if old:
        return (x - of["min"]) / (of["max"] - of["min"] + 1e-8) * 2 - 1
    low, high = {"MIN_MAX": ("min", "max"), "QUANTILES": ("q01", "q99"), "QUANTILE10": ("q10", "q90")}[mode]
    return 2 * (x - of[low]) / (of[high] - of[low]) - 1


def unnormalise(mode: str, y: Tensor, of: dict[str, Tensor]) -> Tensor:
    if mode == "IDENTITY":
        return y
    if mode == "MEAN_STD":
        return y * of["std"] + of["mean"]
    low, high = {"MIN_MAX": ("min", "max"), "QUANTILES": ("q01", "q99"), "QUANTILE10": ("q10", "q90")}[mode]
    return (y + 1) / 2 * (of[high] - of[low]) + of[low]


def expected(written: Written, mode: str, seen: dict[str, Tensor], old: bool = False) -> Tensor:
    with torch.no_grad():
        images = [
            normalise(mode, seen[key].permute(0, 3, 1, 2) / 255, written.statistics[key], old)
            for key in (IMAGES + camera for camera in CAMERAS)
        ]
        state = normalise(mode, seen[STATE], written.statistics[STATE], old)
        return unnormalise(mode, written.act.eval()(images, state)[0], written.statistics[ACTION])


# -- what the graph computes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "mode"),
    [
        *(("processors", mode) for mode in ("MEAN_STD", "MIN_MAX", "QUANTILES", "QUANTILE10", "IDENTITY")),
        *(("buffers", mode) for mode in ("MEAN_STD", "MIN_MAX", "IDENTITY")),
    ],
)
def test_scaling_is_baked_into_the_graph(tmp_path: Path, layout: str, mode: str) -> None:
    written = WRITERS[layout](tmp_path / "checkpoint", mode)
    import_checkpoint(written.folder, tmp_path / "bundle", CHOICES)
    for seed in range(3):
        seen = observation(seed)
        wanted = expected(written, mode, seen, layout == "buffers").numpy()
        np.testing.assert_allclose(run(tmp_path / "bundle", seen), wanted, atol=1e-5, rtol=0)
    assert wanted.std() > 0.01


def test_each_camera_has_its_own_statistics(tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path / "checkpoint")
    import_checkpoint(written.folder, tmp_path / "bundle", CHOICES)
    seen = observation(0)
    swapped = {**seen, IMAGES + "top": seen[IMAGES + "wrist"], IMAGES + "wrist": seen[IMAGES + "top"]}
    assert np.abs(run(tmp_path / "bundle", seen) - run(tmp_path / "bundle", swapped)).max() > 1e-3


def test_a_joint_that_never_moved_is_scaled_as_in_lerobot(tmp_path: Path) -> None:
    """MIN_MAX with min = max: the width is eps, so that the value itself becomes −1."""
    for name, write in WRITERS.items():
        written = write(tmp_path / name, "MIN_MAX")

        def still(tensors: dict[str, Tensor]) -> None:
            for key in tensors:
                if key.endswith(("state.min", "state.max")):
                    tensors[key][1] = 0.5

        written.edit_tensors(still)
        for path in written.folder.glob("policy_*.safetensors"):
            written.edit_tensors(still, path.name)
        state = read_checkpoint(written.folder).state
        assert (0.5 - state.shift[1]) * state.scale[1] + state.offset == -1
        assert state.scale[1].item() == pytest.approx(2e8)


def test_cropping_and_resizing_are_baked_into_the_graph(tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path / "checkpoint")
    crops = {IMAGES + "wrist": [10, 20, 100, 130]}
    step = {
        "registry_name": "image_crop_resize_processor",
        "config": {"crop_params_dict": crops, "resize_size": [HEIGHT, WIDTH]},
    }
    written.edit(PREPROCESSOR, lambda raw: raw["steps"].insert(2, step))
    manifest = import_checkpoint(
        written.folder, tmp_path / "bundle", Choices(rate_hz=30, joints=list(JOINTS), size=(160, 120))
    )
    assert [(c["width"], c["height"]) for c in manifest["cameras"]] == [(160, 120)] * 2
    seen = observation(0, 120, 160)
    images = {key: value.permute(0, 3, 1, 2) / 255 for key, value in seen.items() if key != STATE}
    images[IMAGES + "wrist"] = TF.crop(images[IMAGES + "wrist"], *crops[IMAGES + "wrist"])
    with torch.no_grad():
        normalised = [
            normalise("MEAN_STD", TF.resize(image, [HEIGHT, WIDTH]), written.statistics[key], False)
            for key, image in images.items()
        ]
        state = normalise("MEAN_STD", seen[STATE], written.statistics[STATE], False)
        wanted = unnormalise("MEAN_STD", written.act.eval()(normalised, state)[0], written.statistics[ACTION])
    np.testing.assert_allclose(run(tmp_path / "bundle", seen), wanted.numpy(), atol=1e-5, rtol=0)


def test_a_crop_alone_needs_to_know_the_frames_size(tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path / "checkpoint")
    crops = {IMAGES + camera: [0, 0, HEIGHT, WIDTH] for camera in CAMERAS}
    step = {"registry_name": "image_crop_resize_processor", "config": {"crop_params_dict": crops}}
    written.edit(PREPROCESSOR, lambda raw: raw["steps"].insert(2, step))
    refuses(written.folder, tmp_path, r"crops observation\.images\.top .* give --size", CHOICES)
    small = Choices(rate_hz=30, joints=list(JOINTS), size=(WIDTH, HEIGHT - 1))
    refuses(written.folder, tmp_path, rf"not inside of frames of {WIDTH}x{HEIGHT - 1}: give the right", small)


def test_cameras_that_the_pipeline_renames_keep_the_robots_names(tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path / "checkpoint")

    def rename(raw: dict[str, Any]) -> None:
        raw["steps"][0]["config"]["rename_map"] = {IMAGES + "overhead": IMAGES + "top"}

    written.edit(PREPROCESSOR, rename)
    manifest = import_checkpoint(written.folder, tmp_path / "bundle", CHOICES)
    assert [c["name"] for c in manifest["cameras"]] == ["overhead", "wrist"]


# -- the manifest ------------------------------------------------------------------------------------


def test_the_manifest_is_complete(tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path / "checkpoint", n_action_steps=4)
    import_checkpoint(written.folder, tmp_path / "my_policy", CHOICES)
    manifest = yaml.safe_load((tmp_path / "my_policy/policy.yaml").read_text())
    provenance = manifest.pop("provenance")
    sha256 = manifest["graph"].pop("sha256")
    assert len(sha256) == 64
    assert manifest == {
        "format": "saccade-policy",
        "version": 1,
        "name": "my_policy",
        "task": "my_policy",
        "rate_hz": 30.0,
        "graph": {"file": "policy.onnx"},
        "cameras": [
            {
                "name": name,
                "role": role,
                "width": WIDTH,
                "height": HEIGHT,
                "inputs": {"current": f"observation.images.{name}"},
            }
            for name, role in (("top", "global_overview"), ("wrist", "wrist_detail"))
        ],
        "state": {"input": "observation.state", "joints": list(JOINTS)},
        "action": {"output": "action", "joints": list(JOINTS), "chunk": CHUNK, "kind": "joint_position"},
        "strategy": {"name": "receding", "steps": 4},
    }
    assert provenance["architecture"]["dim_model"] == SMALL.dim_model
    assert provenance["imported"] == {"from": "lerobot", "checkpoint": "checkpoint"}
    assert 0 <= provenance["parity"]["action"] <= 1e-4


def test_temporal_ensembling_is_carried_over(tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path / "checkpoint", n_action_steps=1, temporal_ensemble_coeff=-0.02)
    manifest = import_checkpoint(written.folder, tmp_path / "bundle", CHOICES)
    assert manifest["strategy"] == {"name": "ensemble", "m": -0.02}


def test_the_dataset_it_was_trained_on_gives_names_rate_and_task(tmp_path: Path) -> None:
    """LeRobot's own drivers call a joint's position <joint>.pos."""
    frames = {camera: np.zeros((3, HEIGHT, WIDTH, 3), np.uint8) for camera in CAMERAS}
    vector = np.zeros((3, len(JOINTS)), np.float32)
    demos = [Demo(frames, vector, vector)]
    write_lerobot(tmp_path / "dataset", demos, [f"{joint}.pos" for joint in JOINTS], fps=25)
    written = write_checkpoint(tmp_path / "checkpoint")
    manifest = import_checkpoint(written.folder, tmp_path / "a", Choices(dataset=tmp_path / "dataset"))
    assert (manifest["rate_hz"], manifest["task"]) == (25, "push the square")
    assert manifest["action"]["joints"] == list(JOINTS)
    wrong = Choices(rate_hz=30, dataset=tmp_path / "dataset")
    refuses(written.folder, tmp_path, r"--rate is 30 Hz, but .*dataset was recorded at 25 Hz", wrong)
    # or where its training says it was
    train = {"dataset": {"repo_id": "me/demos", "root": str(tmp_path / "dataset")}, "seed": 7}
    (written.folder / "train_config.json").write_text(json.dumps(train))
    manifest = import_checkpoint(written.folder, tmp_path / "b", Choices())
    assert manifest["action"]["joints"] == list(JOINTS)
    assert manifest["provenance"]["training"] == {"seed": 7}
    assert manifest["provenance"]["dataset"] == {"repo_id": "me/demos"}


def test_a_training_runs_step_will_do(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "000100/pretrained_model")
    assert read_checkpoint(tmp_path / "000100").folder == tmp_path / "000100/pretrained_model"


# -- the command -------------------------------------------------------------------------------------


def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = write_checkpoint(tmp_path / "checkpoint")
    command = [str(written.folder), "--out", str(tmp_path / "bundle"), "--rate", "30", "--joints", "a,b,c"]
    assert main([*command, "--roles", "top=wrist_context"]) == 0
    out = capsys.readouterr().out
    assert "max |ONNX − PyTorch|" in out
    assert "cameras: top is wrist_context, wrist is wrist_detail" in out
    assert main([*command, "--json", "--gpu"]) == 0
    assert json.loads(capsys.readouterr().out)["parity"]["action"] <= 1e-4


def test_inputs_that_act_does_not_look_at_are_named(
    written: Written, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = {"type": "STATE", "shape": [3]}
    written.edit("config.json", lambda raw: raw["input_features"].update({"observation.effort": extra}))
    command = [str(written.folder), "--out", str(tmp_path / "bundle"), "--rate", "30", "--joints", "a,b,c"]
    assert main(command) == 0
    assert "left out, as ACT does: observation.effort" in capsys.readouterr().out


def test_the_command_refuses_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--out", str(tmp_path / "bundle")]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {tmp_path}/config.json does not exist: give the folder")
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "bundle").exists()


# -- what is refused ---------------------------------------------------------------------------------


def refuses(folder: Path, tmp_path: Path, message: str, choices: Choices = CHOICES) -> None:
    with pytest.raises(ConfigError, match=message):
        import_checkpoint(folder, tmp_path / "refused", choices)
    assert not (tmp_path / "refused").exists()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("sound") / "checkpoint").folder


@pytest.fixture
def written(sound: Path, tmp_path: Path) -> Written:
    """A copy, to be spoilt."""
    folder = tmp_path / "checkpoint"
    shutil.copytree(sound, folder)
    return Written(folder, None, {})  # type: ignore[arg-type]


CONFIGS: list[tuple[str, Any, str]] = [
    ("type", "diffusion", r"config\.json: type is 'diffusion', only act can be imported"),
    ("type", None, r"config\.json has no key type"),
    ("use_peft", True, r"use_peft is true"),
    ("n_obs_steps", 2, r"n_obs_steps is 2"),
    ("vision_backbone", "resnet999", r"vision_backbone is 'resnet999': choose one of resnet18"),
    ("feedforward_activation", "glu", r"feedforward_activation is 'glu': choose one of relu, gelu"),
    ("dim_model", "512", r"config\.json: dim_model is '512': give a whole number"),
    ("n_action_steps", CHUNK + 1, rf"n_action_steps is {CHUNK + 1}: .* from 1 to chunk_size, {CHUNK}"),
    ("temporal_ensemble_coeff", 0.01, rf"temporal_ensemble_coeff is 0.01 with n_action_steps {CHUNK}"),
    ("temporal_ensemble_coeff", float("nan"), r"temporal_ensemble_coeff is nan .* must be a finite number"),
    ("input_features", {}, r"config\.json has no input_features"),
    ("output_features", {ACTION: {"type": "ACTION", "shape": [4]}}, r"has 3 values, action 4: the node"),
    (
        "output_features",
        {"torque": {"type": "ACTION", "shape": [3]}},
        r"output_features has no vector action",
    ),
]


@pytest.mark.parametrize(("key", "value", "message"), CONFIGS)
def test_configs_that_cannot_be_imported(
    written: Written, tmp_path: Path, key: str, value: Any, message: str
) -> None:
    written.edit("config.json", lambda raw: raw.update({key: value}))
    refuses(written.folder, tmp_path, message)


FEATURES: list[tuple[str, Any, str]] = [
    (
        "observation.environment_state",
        {"type": "ENV", "shape": [8]},
        r"input_features\.observation\.environment_state is the environment's state, which no robot",
    ),
    (
        IMAGES + "top",
        {"type": "VISUAL", "shape": [1, HEIGHT, WIDTH]},
        r"top has shape \[1, .* images of 3 colours",
    ),
    (
        IMAGES + "depth",
        {"type": "VISUAL", "shape": [3, 8, 8]},
        r"depth has shape .* ACT takes cameras of one shape",
    ),
    ("pixels", {"type": "VISUAL", "shape": [3, HEIGHT, WIDTH]}, r"pixels is an image, but not named"),
    (STATE, {"type": "STATE"}, r"input_features\.observation\.state has no shape of whole numbers"),
    (STATE, None, r"input_features has no vector observation\.state"),
    (IMAGES, None, r"input_features has no image"),
    (
        IMAGES,
        {"type": "VISUAL", "shape": [3, HEIGHT, WIDTH]},
        r"input_features\.observation\.images\. is an image, but not named",
    ),
]


@pytest.mark.parametrize(("key", "value", "message"), FEATURES)
def test_features_that_the_node_cannot_feed(
    written: Written, tmp_path: Path, key: str, value: Any, message: str
) -> None:
    def change(raw: dict[str, Any]) -> None:
        features = raw["input_features"]
        if value is not None:
            features[key] = value
        else:
            raw["input_features"] = {k: v for k, v in features.items() if not k.startswith(key)}

    written.edit("config.json", change)
    refuses(written.folder, tmp_path, message)


def test_weights_that_do_not_fit(written: Written, tmp_path: Path) -> None:
    file = written.folder / "model.safetensors"
    good = read_safetensors(file)
    key = "model.action_head.weight"
    lacking = {k: v for k, v in good.items() if k != key}
    nan = good[key].clone()
    nan[0, 0] = float("nan")
    for tensors, message in (
        (lacking, r"model\.safetensors has no model\.action_head\.weight, which .*config\.json asks for"),
        ({**good, "model.more": torch.zeros(1)}, r"has model\.more, which .* does not ask for"),
        (
            {**good, key: torch.zeros(3, 15)},
            r"action_head\.weight has shape \(3, 15\), .* asks for \(3, 16\)",
        ),
        ({**good, key: nan}, r"model\.action_head\.weight has values that are not finite"),
        ({"weight": torch.zeros(1)}, r"has no tensor of model\.\*"),
    ):
        write_safetensors(file, tensors)
        refuses(written.folder, tmp_path, message)
    file.write_bytes(b"\0" * 4)
    refuses(written.folder, tmp_path, r"model\.safetensors is not a complete safetensors file")
    file.unlink()
    refuses(written.folder, tmp_path, r"model\.safetensors cannot be read \(No such file")


def test_processors_that_cannot_be_imported(written: Written, tmp_path: Path) -> None:
    name = "tokenizer_processor"
    step = {"registry_name": name, "config": {}}
    original = (written.folder / PREPROCESSOR).read_text()
    written.edit(PREPROCESSOR, lambda raw: raw["steps"].append(step))
    refuses(written.folder, tmp_path, rf"policy_preprocessor\.json: step {name} cannot be imported")
    (written.folder / PREPROCESSOR).write_text(original)
    written.edit(PREPROCESSOR, lambda raw: raw["steps"][2]["config"].update(float_dtype="bfloat16"))
    refuses(written.folder, tmp_path, r"step device_processor cannot be imported")
    (written.folder / PREPROCESSOR).write_text(original)
    written.edit(PREPROCESSOR, lambda raw: raw["steps"][3]["config"]["norm_map"].update(STATE="LOG"))
    refuses(written.folder, tmp_path, r"observation\.state is normalised by LOG, which is not known")
    (written.folder / PREPROCESSOR).unlink()
    refuses(written.folder, tmp_path, r"policy_preprocessor\.json does not exist")


def test_statistics_that_are_missing_or_not_finite(written: Written, tmp_path: Path) -> None:
    file = "policy_preprocessor_step_3_normalizer_processor.safetensors"
    good = read_safetensors(written.folder / file)
    key = f"{STATE}.std"
    for tensors, message in (
        ({k: v for k, v in good.items() if k != key}, r"the statistic observation\.state\.std is missing"),
        ({**good, key: torch.full((3,), float("inf"))}, r"observation\.state\.std must be 3 finite numbers"),
        ({**good, key: torch.ones(4)}, r"observation\.state\.std must be 3 finite numbers"),
    ):
        write_safetensors(written.folder / file, tensors)
        refuses(written.folder, tmp_path, message)
    (written.folder / file).unlink()
    refuses(written.folder, tmp_path, rf"{file} cannot be read")


@pytest.mark.parametrize(
    ("file", "at", "step"),
    [(PREPROCESSOR, 3, "normalizer_processor"), (POSTPROCESSOR, 0, "unnormalizer_processor")],
)
def test_scaling_that_was_lost_on_the_way(
    written: Written, tmp_path: Path, file: str, at: int, step: str
) -> None:
    """LeRobot feeds, and commands, such a checkpoint's numbers unscaled."""
    original = (written.folder / file).read_text()
    written.edit(file, lambda raw: raw["steps"].pop(at))
    refuses(written.folder, tmp_path, rf"{file} has no step {step}, though normalization_mapping")
    (written.folder / file).write_text(original)
    written.edit(file, lambda raw: raw["steps"][at]["config"].pop("norm_map"))
    refuses(written.folder, tmp_path, rf"{file}: step {step} has no norm_map")
    (written.folder / file).write_text(original)
    written.edit(file, lambda raw: raw["steps"][at].pop("state_file"))
    refuses(written.folder, tmp_path, r"the statistic (action|observation.*)\.mean is missing")


def test_nothing_is_lost_where_nothing_is_scaled(tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path / "checkpoint", "IDENTITY")
    for file, at in ((PREPROCESSOR, 3), (POSTPROCESSOR, 0)):
        written.edit(file, lambda raw, at=at: raw["steps"].pop(at))
    assert read_checkpoint(written.folder).action.spread.tolist() == [1, 1, 1]


OPTIONS: list[tuple[str, str, Any, str]] = [
    ("rename_observations_processor", "rename_map", {"a": 1}, r"rename_map of step .* an object of names"),
    (
        "image_crop_resize_processor",
        "crop_params_dict",
        {"a": [1, 2, 3]},
        r"crop_params_dict of step .* must",
    ),
    (
        "image_crop_resize_processor",
        "crop_params_dict",
        [1, 2, 3, 4],
        r"crop_params_dict of step .* must be an object of \[top, left,",
    ),
    ("image_crop_resize_processor", "resize_size", 5, r"resize_size of step .* is 5: .* \[height, width\]"),
    ("normalizer_processor", "eps", "x", r"eps of step normalizer_processor is 'x': it must be a number"),
    ("normalizer_processor", "norm_map", ["STATE"], r"norm_map of step .* an object of modes"),
    (
        "normalizer_processor",
        "normalize_observation_keys",
        "a",
        r"normalize_observation_keys .* list of names",
    ),
]


@pytest.mark.parametrize(("step", "key", "value", "message"), OPTIONS)
def test_options_of_steps_that_are_no_such_thing(
    written: Written, tmp_path: Path, step: str, key: str, value: Any, message: str
) -> None:
    def change(raw: dict[str, Any]) -> None:
        found = [s for s in raw["steps"] if s["registry_name"] == step]
        if not found:
            found = [{"registry_name": step, "config": {}}]
            raw["steps"].insert(1, found[0])
        found[0]["config"][key] = value

    written.edit(PREPROCESSOR, change)
    refuses(written.folder, tmp_path, rf"policy_preprocessor\.json: {message}")


def test_a_state_file_that_is_no_name(written: Written, tmp_path: Path) -> None:
    written.edit(PREPROCESSOR, lambda raw: raw["steps"][3].update(state_file=3))
    refuses(written.folder, tmp_path, r"state_file of step normalizer_processor is 3, not a file's name")


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ({"dataset": "me/demos"}, r"train_config\.json: dataset is 'me/demos', not an object"),
        ({"dataset": {"root": 3}}, r"train_config\.json: root is 3"),
        ({"env": {"fps": "30"}}, r"train_config\.json: fps is '30'"),
    ],
)
def test_training_configs_that_are_no_such_thing(
    written: Written, tmp_path: Path, train: dict[str, Any], message: str
) -> None:
    (written.folder / "train_config.json").write_text(json.dumps(train))
    refuses(written.folder, tmp_path, message)


def test_old_checkpoints_without_their_buffers(tmp_path: Path) -> None:
    written = write_old_checkpoint(tmp_path / "checkpoint")
    written.edit_tensors(
        lambda tensors: [tensors.pop(key) for key in list(tensors) if "buffer_observation_state" in key]
    )
    refuses(written.folder, tmp_path, r"the statistic observation\.state\.mean is missing")
    written.edit_tensors(
        lambda tensors: [tensors.pop(key) for key in list(tensors) if not key.startswith("model.")]
    )
    refuses(written.folder, tmp_path, r"has neither policy_preprocessor\.json nor normalize_inputs")


CHOSEN: list[tuple[Choices, str]] = [
    (Choices(rate_hz=30), r"does not record the names of its 3 joints: give --joints, or --dataset"),
    (Choices(joints=list(JOINTS)), r"does not record its rate: give --rate"),
    (
        Choices(rate_hz=30, joints=["a", "b"]),
        r"2 different joints are named \(a, b\), but .*config\.json has 3",
    ),
    (Choices(rate_hz=30, joints=["a", "b", "b"]), r"2 different joints are named"),
    (Choices(30, joints=list(JOINTS), roles={"head": "x"}), r"--roles names head: .* cameras are top, wrist"),
    (Choices(30, joints=list(JOINTS), roles={"top": "x"}), r"--roles gives top the role x: choose one of"),
    (Choices(rate_hz=30, joints=list(JOINTS), size=(8, 8)), r"--size is 8x8, but .* leave --size out"),
]


@pytest.mark.parametrize(("choices", "message"), CHOSEN)
def test_what_the_user_must_say(sound: Path, tmp_path: Path, choices: Choices, message: str) -> None:
    refuses(sound, tmp_path, message, choices)


def test_a_graph_that_differs_is_not_exported(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saccade_training import inference_act

    monkeypatch.setattr(inference_act, "folded", lambda conv, norm: conv)
    monkeypatch.setattr("saccade_training.classic_act.grid_position", lambda h, w, d: torch.zeros(h * w, d))
    with pytest.raises(ConfigError, match=r"differs from PyTorch by more than 0\.0001.*not exported"):
        import_checkpoint(sound, tmp_path / "refused", CHOICES)
    assert list((tmp_path / "refused").iterdir()) == []


# -- safetensors -------------------------------------------------------------------------------------


def test_safetensors_come_back(tmp_path: Path) -> None:
    tensors = {
        "float": torch.randn(2, 3),
        "scalar": torch.tensor(2.5),
        "half": torch.randn(5).bfloat16(),
        "ints": torch.arange(7),
        "empty": torch.zeros(0, 4),
        "flags": torch.tensor([True, False]),
    }
    write_safetensors(tmp_path / "x.safetensors", tensors)
    found = read_safetensors(tmp_path / "x.safetensors")
    assert list(found) == list(tensors)
    for key, value in tensors.items():
        assert found[key].dtype == value.dtype
        assert torch.equal(found[key], value)


def test_safetensors_are_laid_out_as_specified(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "x.safetensors", {"x": torch.tensor([1.0, 2.0])})
    data = (tmp_path / "x.safetensors").read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    assert length % 8 == 0
    entry = json.loads(data[8 : 8 + length])["x"]
    assert entry == {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    assert data[8 + length :] == struct.pack("<2f", 1, 2)


@pytest.mark.parametrize("keep", [0, 7, 20, -1])
def test_safetensors_that_are_cut_off(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "x.safetensors"
    write_safetensors(path, {"x": torch.ones(4)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ConfigError, match=r"x\.safetensors is not a complete safetensors file"):
        read_safetensors(path)
