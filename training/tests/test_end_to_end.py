"""The whole path: demonstrations → training (interrupted and resumed) → export → checked bundle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from synthetic import write_demos

from saccade_training.config import load_config
from saccade_training.dataset import Demonstrations
from saccade_training.export import export
from saccade_training.run import Run, restore
from saccade_training.train import Trainer

CONFIG = Path(__file__).parents[1] / "configs" / "smoke.yaml"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Demonstrations:
    return Demonstrations(write_demos(tmp_path_factory.mktemp("demos")))


def short(steps: int):
    config = load_config(CONFIG)
    return replace(config, train=replace(config.train, steps=steps, log_every=1, validate_every=4))


def test_a_resumed_run_equals_an_uninterrupted_one_and_exports(data: Demonstrations, tmp_path: Path) -> None:
    whole, parts = Run(tmp_path / "whole"), Run(tmp_path / "parts")
    for run in (whole, parts):
        run.folder.mkdir()
    Trainer(short(6), data, whole).train(lambda _: None)
    Trainer(short(6), data, parts).train(lambda _: None, stop_at=3)
    Trainer(short(6), data, parts).train(lambda _: None)

    def losses(run: Run) -> list[float]:
        return [m["l1"] for m in run.read_metrics() if "l1" in m]

    assert len(losses(whole)) == 6
    assert losses(parts) == pytest.approx(losses(whole), rel=1e-5)
    assert (whole.folder / "loss_curve.png").stat().st_size > 1000

    bundle = tmp_path / "bundle"
    export(whole, bundle, "smoke")
    manifest = yaml.safe_load((bundle / "policy.yaml").read_text())
    assert manifest["action"]["chunk"] == 8
    assert [v["kind"] for v in manifest["views"]].count("attention") == 6
    assert manifest["provenance"]["parity"]["action"] <= 1e-4
    _, policy = restore(whole.load())
    assert not torch.equal(policy.state_std, torch.ones(7))


def test_chunks_repeat_the_last_action_and_mask_it(data: Demonstrations) -> None:
    last = data.starts[1] - 1
    actions, valid = data.chunks(torch.tensor([last - 1]), 4)
    assert valid.tolist() == [[True, True, False, False]]
    assert torch.equal(actions[0, 2], data.action[last])
    batch = data.batch(torch.tensor([0, int(data.starts[1])]), 4)
    assert all(torch.equal(a, b) for a, b in zip(batch.current, batch.previous, strict=True))
