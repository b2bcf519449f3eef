"""The exported dataset in the real `lerobot`: the bag's rows, frame for frame, and fit to train on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

lerobot = pytest.importorskip(
    "lerobot.datasets.lerobot_dataset", reason="lerobot is not installed: training[interop]"
)
pytest.importorskip("mcap_ros2.decoder", reason="mcap-ros2-support is not installed: training[dev]")

from lerobot.configs.types import FeatureType, PolicyFeature  # noqa: E402
from lerobot.datasets.compute_stats import aggregate_stats, get_feature_stats  # noqa: E402
from lerobot.policies.act.configuration_act import ACTConfig  # noqa: E402
from lerobot.policies.act.modeling_act import ACTPolicy  # noqa: E402
from lerobot.policies.act.processor_act import make_act_pre_post_processors  # noqa: E402
from support import Saccade, pixels, read_with_mcap, stamp_ns  # noqa: E402
from synthetic import JOINTS, ROLES, make_demos  # noqa: E402

from saccade_training.dataset import Demonstrations  # noqa: E402

CAMERAS = ["wrist_detail", "wrist_context", "head"]
TASK = "pick up the cube and hold it up"
PERIOD = 50_000_000  # ns


def load(folder: Path, **options: Any) -> Any:
    return lerobot.LeRobotDataset("saccade/interop", root=folder, **options)


@pytest.fixture(scope="module")
def loaded(dataset: Path) -> Any:
    return load(dataset)


def uint8(image: torch.Tensor) -> np.ndarray:
    """LeRobot's float [3, H, W] in 0…1 as uint8 [H, W, 3], and it is exactly that."""
    found = (image * 255).round().to(torch.uint8)
    assert torch.equal(found.float() / 255, image)
    return found.permute(1, 2, 0).numpy()


def test_it_has_the_episodes_features_and_task_of_the_bags(loaded: Any, demos: list[Path]) -> None:
    assert (loaded.num_episodes, loaded.fps, loaded.meta.robot_type) == (len(demos), 20, "sim_arm")
    assert loaded.meta.camera_keys == [f"observation.images.{name}" for name in CAMERAS]
    assert loaded.meta.names["action"] == loaded.meta.names["observation.state"] == JOINTS
    assert list(loaded.meta.tasks.index) == [TASK]
    assert loaded.meta.shapes["observation.images.head"] == (96, 96, 3)


def test_every_row_is_what_the_bag_holds_at_its_instant(loaded: Any, demos: list[Path]) -> None:
    rows: Iterator[int] = iter(range(len(loaded)))
    for e, bag in enumerate(demos):
        by_stamp: dict[str, dict[int, Any]] = {}
        rewards: dict[int, float] = {}
        for m in read_with_mcap(bag):
            if m.topic == "/reward":
                rewards[m.log_ns] = m.value.data
            elif hasattr(m.value, "header"):
                by_stamp.setdefault(m.topic, {})[stamp_ns(m.value)] = m.value
        steps = len(by_stamp["/saccade/command"])
        episode = loaded.meta.episodes[e]
        assert (episode["length"], episode["tasks"]) == (steps, [TASK])
        for k in range(steps):
            item, now = loaded[next(rows)], k * PERIOD
            for name in CAMERAS:
                image = uint8(item[f"observation.images.{name}"])
                assert np.array_equal(image, pixels(by_stamp[f"/{name}/image_raw"][now]))
            for key, topic in (("observation.state", "/joint_states"), ("action", "/saccade/action")):
                message = by_stamp[topic][now]
                positions = dict(zip(message.name, message.position, strict=True))
                assert item[key].dtype == torch.float32
                assert item[key].tolist() == [np.float32(positions[joint]) for joint in JOINTS]
            assert item["next.reward"].item() == rewards[now + PERIOD]
            assert item["next.success"].item() is (k == steps - 1)  # a demonstration ends with its success
            assert item["timestamp"].item() == np.float32(k / 20)
            assert (item["frame_index"].item(), item["episode_index"].item()) == (k, e)
            assert item["task"] == TASK
        assert rewards[steps * PERIOD] == 4
    assert next(rows, None) is None


def test_neighbours_in_time_stop_at_the_ends_of_an_episode(dataset: Path, loaded: Any) -> None:
    window = load(dataset, delta_timestamps={"action": [k / 20 for k in range(4)]})
    last = loaded.meta.episodes[0]["dataset_to_index"] - 1
    item = window[last - 1]
    assert item["action_is_pad"].tolist() == [False, False, True, True]
    assert torch.equal(item["action"][1:], loaded[last]["action"].expand(3, -1))


def test_our_reader_and_lerobot_see_the_same(dataset: Path, loaded: Any) -> None:
    data = Demonstrations(dataset)
    assert (data.episodes, len(data), data.rate_hz) == (loaded.num_episodes, len(loaded), loaded.fps)
    for row in range(0, len(data), 7):
        item = loaded[row]
        for camera, frames in zip(data.cameras, data.frames, strict=True):
            assert np.array_equal(frames[row], uint8(item[f"observation.images.{camera.name}"]))
        assert torch.equal(data.state[row], item["observation.state"])
        assert torch.equal(data.action[row], item["action"])


# -- statistics ------------------------------------------------------------------------------------


def episode_values(loaded: Any, key: str, e: int) -> np.ndarray:
    """[T, N] of a number or vector; of an image its pixels, float64 [T·H·W, 3] in 0…1."""
    rows = range(loaded.meta.episodes[e]["dataset_from_index"], loaded.meta.episodes[e]["dataset_to_index"])
    values = np.stack([loaded[row][key].numpy() for row in rows])
    if key in loaded.meta.camera_keys:
        return values.astype(np.float64).transpose(0, 2, 3, 1).reshape(-1, 3)
    return values.reshape(len(rows), -1)


def episode_stats(dataset: Path) -> list[dict[str, dict[str, np.ndarray]]]:
    """As LeRobot's own tools read them, to merge and split datasets."""
    table = pq.read_table(dataset / "meta/episodes/chunk-000/file-000.parquet")
    episodes: list[dict[str, dict[str, np.ndarray]]] = []
    for row in table.to_pylist():
        episodes.append({})
        for column, value in row.items():
            if column.startswith("stats/"):
                _, key, name = column.split("/")
                episodes[-1].setdefault(key, {})[name] = np.array(value)
    return episodes


def test_statistics_are_those_of_the_rows_and_shaped_as_lerobot_demands(dataset: Path, loaded: Any) -> None:
    """Against numpy: LeRobot 0.4's own standard deviation of images overflows (mended upstream, #3697)."""
    found = episode_stats(dataset)
    assert len(found) == loaded.num_episodes
    for e, stats in enumerate(found):
        assert set(stats) == set(loaded.meta.features)
        for key, of in stats.items():
            values = episode_values(loaded, key, e)
            image = key in loaded.meta.camera_keys
            shape = (3, 1, 1) if image else (values.shape[1],)
            assert all(of[name].shape == shape for name in of if name != "count"), key
            length = loaded.meta.episodes[e]["length"]
            assert of["count"].tolist() == [min(length, 100) if image else length]
            close = dict(rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(of["min"].ravel(), values.min(0), **close)
            np.testing.assert_allclose(of["max"].ravel(), values.max(0), **close)
            np.testing.assert_allclose(of["mean"].ravel(), values.mean(0, np.float64), **close)
            np.testing.assert_allclose(of["std"].ravel(), values.std(0, np.float64), **close, err_msg=key)


def test_quantiles_are_lerobots(dataset: Path, loaded: Any) -> None:
    for e, stats in enumerate(episode_stats(dataset)):
        for key in ("observation.state", "action"):
            theirs = get_feature_stats(episode_values(loaded, key, e).astype(np.float64), 0, False)
            for name in ("q01", "q10", "q50", "q90", "q99"):
                np.testing.assert_allclose(stats[key][name], theirs[name], rtol=0, atol=2e-3, err_msg=name)


def test_the_datasets_statistics_are_lerobots_aggregate_of_the_episodes(dataset: Path, loaded: Any) -> None:
    aggregate = aggregate_stats(episode_stats(dataset))  # which checks every type and shape
    assert set(loaded.meta.stats) == set(aggregate)
    for key, stats in aggregate.items():
        for name in ("min", "max", "mean", "std", "count"):
            np.testing.assert_allclose(
                loaded.meta.stats[key][name].astype(float), stats[name].astype(float), rtol=1e-6, atol=1e-9
            )
        assert {"q01", "q10", "q50", "q90", "q99"} <= set(loaded.meta.stats[key])


# -- training --------------------------------------------------------------------------------------

TINY = {
    "chunk_size": 4,
    "n_action_steps": 4,
    "dim_model": 16,
    "n_heads": 2,
    "dim_feedforward": 16,
    "n_encoder_layers": 1,
    "n_vae_encoder_layers": 1,
    "latent_dim": 4,
}


def test_lerobots_act_takes_a_step_on_it(dataset: Path, loaded: Any) -> None:
    torch.manual_seed(0)
    inputs = {key: PolicyFeature(FeatureType.VISUAL, (3, 96, 96)) for key in loaded.meta.camera_keys}
    config = ACTConfig(
        input_features={**inputs, "observation.state": PolicyFeature(FeatureType.STATE, (7,))},
        output_features={"action": PolicyFeature(FeatureType.ACTION, (7,))},
        device="cpu",
        pretrained_backbone_weights=None,
        **TINY,
    )
    prepare, _ = make_act_pre_post_processors(config, dataset_stats=loaded.meta.stats)
    rows = load(dataset, delta_timestamps={"action": [k / 20 for k in range(TINY["chunk_size"])]})
    batch = prepare(next(iter(torch.utils.data.DataLoader(rows, batch_size=4, shuffle=True))))
    assert batch["action"].shape == (4, 4, 7)
    assert batch["action"].abs().max() < 20  # normalised with the dataset's statistics
    policy = ACTPolicy(config).train()
    optimiser = torch.optim.AdamW(policy.parameters(), lr=1e-3)
    before = [p.detach().clone() for p in policy.parameters()]
    losses = []
    for _ in range(3):
        loss, _ = policy.forward(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    assert any(not torch.equal(a, b) for a, b in zip(before, policy.parameters(), strict=True))


def test_lerobots_own_training_command_runs_on_it(dataset: Path, tmp_path: Path) -> None:
    options = {
        "dataset.repo_id": "saccade/interop",
        "dataset.root": dataset,
        "policy.type": "act",
        "policy.device": "cpu",
        "policy.push_to_hub": "false",
        "policy.pretrained_backbone_weights": "null",
        **{f"policy.{key}": value for key, value in TINY.items()},
        "steps": 2,
        "batch_size": 2,
        "num_workers": 0,
        "wandb.enable": "false",
        "output_dir": tmp_path / "run",
    }
    command = [sys.executable, "-m", "lerobot.scripts.lerobot_train"]
    command += [f"--{key}={value}" for key, value in options.items()]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    saved = tmp_path / "run/checkpoints/000002/pretrained_model"
    assert (saved / "model.safetensors").stat().st_size > 1e6
    config = json.loads((saved / "config.json").read_text())
    assert config["output_features"]["action"]["shape"] == [7]


# -- the other direction: LeRobot writes, we read --------------------------------------------------


@pytest.mark.parametrize("kind", ["image", "video"])
def test_a_dataset_that_lerobot_wrote_can_be_trained_on(tmp_path: Path, kind: str) -> None:
    """Without meta/saccade.json: the config names the roles."""
    demos = make_demos(episodes=3, steps=8, size=64)
    vector = {"dtype": "float32", "shape": (len(JOINTS),), "names": JOINTS}
    image = {"dtype": kind, "shape": (64, 64, 3), "names": ["height", "width", "channels"]}
    features = {f"observation.images.{name}": dict(image) for name in ROLES}
    features |= {"observation.state": vector, "action": dict(vector)}
    folder = tmp_path / "theirs"
    writer = lerobot.LeRobotDataset.create(
        "saccade/theirs", 20, features, root=folder, use_videos=kind == "video"
    )
    for demo in demos:
        for t in range(len(demo.state)):
            frames = {f"observation.images.{name}": images[t] for name, images in demo.frames.items()}
            row = {"observation.state": demo.state[t], "action": demo.action[t], "task": "push"}
            writer.add_frame({**frames, **row})
        writer.save_episode()
    writer.finalize()

    data = Demonstrations(folder, None, ROLES)
    theirs = load(folder, video_backend="pyav") if kind == "video" else load(folder)
    assert (len(data), data.episodes, data.source.tasks) == (len(theirs), 3, ["push"])
    assert np.array_equal(data.action, np.concatenate([d.action for d in demos]))
    for row in range(len(data)):
        item = theirs[row]
        for camera, frames in zip(data.cameras, data.frames, strict=True):
            image = item[f"observation.images.{camera.name}"].permute(1, 2, 0) * 255
            assert np.abs(frames[row].numpy() - image.numpy()).max() <= (0 if kind == "image" else 1)


def test_videos_that_we_export_load_there_and_here(
    saccade: Saccade, demos: list[Path], dataset: Path, tmp_path: Path
) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    folder = tmp_path / "videos"
    saccade("dataset", "export", *demos, "--videos", "--out", folder)
    theirs, ours, exact = load(folder, video_backend="pyav"), Demonstrations(folder), Demonstrations(dataset)
    assert len(theirs) == len(ours) == len(exact)
    for row in range(0, len(exact), 9):
        item = theirs[row]
        for camera, frames, true in zip(ours.cameras, ours.frames, exact.frames, strict=True):
            image = item[f"observation.images.{camera.name}"].permute(1, 2, 0) * 255
            assert np.abs(frames[row].numpy() - image.numpy()).max() <= 1
            error = np.abs(frames[row].numpy().astype(float) - true[row].numpy())
            assert error.mean() < 8  # lossy, yet the frame of this row
