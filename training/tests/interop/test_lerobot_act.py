"""Imported ACT checkpoints against the real `lerobot`: the same chunks, the same commands in an episode."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

pytest.importorskip("lerobot.policies.act.modeling_act", reason="lerobot is not installed: training[interop]")

import onnxruntime
from act_checkpoints import (
    CAMERAS,
    CHUNK,
    HEIGHT,
    JOINTS,
    SMALL,
    WIDTH,
    Written,
    statistics,
    write_checkpoint,
    write_old_checkpoint,
)
from lerobot.configs.types import FeatureType, NormalizationMode, PolicyFeature
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.act.processor_act import make_act_pre_post_processors
from lerobot.policies.factory import make_pre_post_processors
from lerobot.policies.utils import prepare_observation_for_inference
from lerobot.processor.migrate_policy_normalization import (
    extract_normalization_stats,
    remove_normalization_layers,
)
from support import ROOT

from saccade_training.import_lerobot import Choices, import_checkpoint
from saccade_training.lerobot_checkpoint import ACTION, IMAGES, STATE

CHOICES = Choices(rate_hz=20, joints=list(JOINTS))
TOLERANCE = 1e-4
STEPS = 200


class Theirs:
    """A checkpoint as LeRobot runs it: raw observation → chunk or action in the robot's units."""

    def __init__(self, policy: Any, before: Any, after: Any) -> None:
        self.policy, self.before, self.after = policy.eval(), before, after

    @staticmethod
    def load(folder: Path) -> Theirs:
        policy = ACTPolicy.from_pretrained(folder, strict=True)
        return Theirs(policy, *make_pre_post_processors(policy.config, pretrained_path=str(folder)))

    def _batch(self, seen: dict[str, np.ndarray]) -> Any:
        return self.before(prepare_observation_for_inference(dict(seen), torch.device("cpu")))

    def chunk(self, seen: dict[str, np.ndarray]) -> np.ndarray:
        with torch.inference_mode():
            rows = self.policy.predict_action_chunk(self._batch(seen))[0]
            return torch.stack([self.after(row[None])[0] for row in rows]).numpy()

    def act(self, seen: dict[str, np.ndarray]) -> np.ndarray:
        with torch.inference_mode():
            return self.after(self.policy.select_action(self._batch(seen)))[0].numpy()


class Ours:
    def __init__(self, folder: Path, bundle: Path) -> None:
        self.manifest = import_checkpoint(folder, bundle, CHOICES)
        self.session = onnxruntime.InferenceSession(
            str(bundle / "policy.onnx"), providers=["CPUExecutionProvider"]
        )

    def chunk(self, seen: dict[str, np.ndarray]) -> np.ndarray:
        return self.session.run([ACTION], {key: value[None] for key, value in seen.items()})[0][0]


def observation(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    frames = {IMAGES + camera: rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8) for camera in CAMERAS}
    return {**frames, STATE: rng.random(len(JOINTS), np.float32)}


def largest(a: np.ndarray, b: np.ndarray) -> float:
    assert a.shape == b.shape
    return float(np.abs(a - b).max())


OPTIONS: list[dict[str, Any]] = [
    {},
    {"pre_norm": True, "n_decoder_layers": 2},
    {"feedforward_activation": "gelu", "use_vae": False},
    {"vision_backbone": "resnet34"},
    {"vision_backbone": "resnet50", "replace_final_stride_with_dilation": True},
]
MODES = ["MEAN_STD", "MIN_MAX", "IDENTITY", "QUANTILES"]


@pytest.mark.parametrize(
    ("options", "mode"), [*((o, "MEAN_STD") for o in OPTIONS), *(({}, mode) for mode in MODES[1:])]
)
def test_what_lerobot_saves_gives_its_chunks(tmp_path: Path, options: dict[str, Any], mode: str) -> None:
    """Weights, config and processors written by the package itself."""
    torch.manual_seed(0)
    images = {IMAGES + camera: PolicyFeature(FeatureType.VISUAL, (3, HEIGHT, WIDTH)) for camera in CAMERAS}
    vector = (len(JOINTS),)
    config = ACTConfig(
        input_features={**images, STATE: PolicyFeature(FeatureType.STATE, vector)},
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, vector)},
        normalization_mapping=dict.fromkeys(("VISUAL", "STATE", "ACTION"), NormalizationMode(mode)),
        device="cpu",
        pretrained_backbone_weights=None,
        chunk_size=CHUNK,
        n_action_steps=CHUNK,
        dim_model=16,
        n_heads=2,
        dim_feedforward=24,
        n_encoder_layers=2,
        latent_dim=4,
        n_vae_encoder_layers=1,
        **options,
    )
    policy = ACTPolicy(config)
    with torch.no_grad():  # what training does, and initialisation does not
        for name, p in policy.named_parameters():
            if name.endswith("bias"):
                p.normal_(0, 0.1)
        for name, b in policy.named_buffers():
            if "running_var" in name or ("bn" in name and name.endswith("weight")):
                b.uniform_(0.5, 1.5)
    before, after = make_act_pre_post_processors(config, dataset_stats=statistics())
    for part in (policy, before, after):
        part.save_pretrained(tmp_path / "checkpoint")
    theirs, ours = Theirs(policy, before, after), Ours(tmp_path / "checkpoint", tmp_path / "bundle")
    for seed in range(3):
        seen = observation(seed)
        expected = theirs.chunk(seen)
        assert largest(ours.chunk(seen), expected) <= TOLERANCE
    assert expected.std() > 0.005


def test_lerobot_loads_what_we_write(tmp_path: Path) -> None:
    """So the checkpoints of our tests and of full_size_act are LeRobot's."""
    written = write_checkpoint(tmp_path / "checkpoint", "MIN_MAX", replace(SMALL, n_decoder_layers=2))
    theirs, ours = Theirs.load(written.folder), Ours(written.folder, tmp_path / "bundle")
    assert largest(ours.chunk(observation(0)), theirs.chunk(observation(0))) <= TOLERANCE


@pytest.mark.parametrize("mode", ["MEAN_STD", "MIN_MAX"])
def test_the_layout_before_processors_as_lerobots_migration_reads_it(tmp_path: Path, mode: str) -> None:
    written: Written = write_old_checkpoint(tmp_path / "old", mode)
    ours = Ours(written.folder, tmp_path / "bundle")
    from safetensors.torch import load_file

    state = load_file(written.folder / "model.safetensors")
    found: dict[str, dict[str, Tensor]] = extract_normalization_stats(state)
    new = write_checkpoint(tmp_path / "new", mode)
    policy = ACTPolicy.from_pretrained(new.folder, strict=True)
    policy.load_state_dict(remove_normalization_layers(state), strict=True)
    theirs = Theirs(policy, *make_act_pre_post_processors(policy.config, dataset_stats=found))
    for seed in range(3):
        assert largest(ours.chunk(observation(seed)), theirs.chunk(observation(seed))) <= TOLERANCE


STRATEGY = """
import { readFileSync } from 'node:fs';
import { createStrategy } from '%s/dist/act/strategy.js';
const { spec, rate, length, width, chunks } = JSON.parse(readFileSync(0, 'utf8'));
const strategy = createStrategy(spec, { length, width });
const out = new Float32Array(width);
strategy.reset(out);
const commands = chunks.map((actions, tick) => {
  const time = tick / rate;
  if (strategy.wantsInference(time, 0)) {
    strategy.add({ time, dt: 1 / rate, length, width, actions: Float32Array.from(actions.flat()) }, time);
  }
  if (!strategy.actionAt(time, out)) throw new Error(`no action at ${time}`);
  return [...out];
});
console.log(JSON.stringify(commands));
"""


@pytest.mark.parametrize(
    "options",
    [
        {"n_action_steps": 1, "temporal_ensemble_coeff": 0.01},
        {"n_action_steps": 1, "temporal_ensemble_coeff": -0.3},
        {"n_action_steps": 4},
        {"n_action_steps": CHUNK},
    ],
)
def test_select_action_over_an_episode_is_what_the_node_commands(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    """Our graph's chunks through the node's own strategy, as the manifest names it."""
    if shutil.which("node") is None or not (ROOT / "dist/act/strategy.js").exists():
        pytest.skip("node or dist/ is missing: npm ci && npm run build")
    written = write_checkpoint(tmp_path / "checkpoint", **options)
    theirs, ours = Theirs.load(written.folder), Ours(written.folder, tmp_path / "bundle")
    seen = [observation(step) for step in range(STEPS)]
    expected = np.stack([theirs.act(s) for s in seen])
    episode = {
        "spec": ours.manifest["strategy"],
        "rate": ours.manifest["rate_hz"],
        "length": CHUNK,
        "width": len(JOINTS),
        "chunks": [ours.chunk(s).tolist() for s in seen],
    }
    done = subprocess.run(
        ["node", "--input-type=module", "-e", STRATEGY % ROOT.as_posix()],
        input=json.dumps(episode),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert largest(np.array(json.loads(done.stdout)), expected) <= TOLERANCE
    assert expected.std(axis=0).min() > 1e-4  # commands that follow what is seen
