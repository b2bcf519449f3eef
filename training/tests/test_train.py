"""Training: schedule, batches, resuming, what it leaves behind, and that it learns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from synthetic import write_demos
from tiny import TINY, TRAIN, tiny_config
from torchvision.models.optical_flow import raft_small

from saccade_training.config import Config, ConfigError, TrainConfig
from saccade_training.dataset import Demonstrations
from saccade_training.distributed import Processes
from saccade_training.run import Run, restore
from saccade_training.train import Split, Trainer, learning_rate, main, rows_of_step


def silent(_line: str) -> None:
    pass


def trained(config: Config, data: Demonstrations, folder: Path, max_minutes: float | None = None) -> Run:
    run = Run.open(folder)
    Trainer(config, data, run, max_minutes).train(silent)
    return run


def losses(run: Run) -> dict[int, float]:
    return {m["step"]: m["l1"] for m in run.read_metrics() if "l1" in m}


# -- parts -----------------------------------------------------------------------------------------


def test_the_learning_rate_warms_up_and_anneals() -> None:
    config = TrainConfig(lr=1.0, warmup_steps=10, lr_final=0.01)
    assert [learning_rate(config, step, 0.0) for step in (0, 4, 9, 50)] == pytest.approx([0.1, 0.5, 1, 1])
    assert learning_rate(config, 50, 0.5) == pytest.approx(0.505)
    assert learning_rate(config, 50, 1.0) == learning_rate(config, 50, 1.2) == pytest.approx(0.01)


def test_an_epoch_shows_every_row_once_and_the_next_in_another_order() -> None:
    rows = torch.arange(100, 120)
    epochs = [[rows_of_step(rows, 5, 4 * e + i, seed=3).tolist() for i in range(4)] for e in range(2)]
    for batches in epochs:
        assert Counter(r for batch in batches for r in batch) == Counter(range(100, 120))
    assert epochs[0] != epochs[1]
    assert rows_of_step(rows, 64, 0, seed=3).sort().values.tolist() == rows.tolist()


def test_held_out_episodes_share_no_row_with_training(data: Demonstrations) -> None:
    split = Split.of(data, TrainConfig(validation_fraction=0.5))
    assert len(split.validation_episodes) == 2
    assert not set(split.train.tolist()) & set(split.validation.tolist())
    assert set(split.train.tolist()) | set(split.validation.tolist()) == set(range(len(data)))
    assert len(Split.of(data, TrainConfig(validation_fraction=0.5, validation_rows=5)).validation) <= 5


# -- a run -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("last_words", ["step 3 ", "  validation L1"])
def test_an_interrupted_and_resumed_run_equals_an_uninterrupted_one(
    data: Demonstrations, tmp_path: Path, last_words: str
) -> None:
    config = tiny_config(checkpoint_minutes=0.0)  # a checkpoint after every step
    whole = trained(config, data, tmp_path / "whole")

    def interrupt(line: str) -> None:
        if line.startswith(last_words):
            raise KeyboardInterrupt

    parts = Run.open(tmp_path / "parts")
    with pytest.raises(KeyboardInterrupt):
        Trainer(config, data, parts).train(interrupt)
    stopped_at = parts.load()["step"]
    assert 0 < stopped_at < 6
    trained(config, data, parts.folder)

    assert list(losses(whole)) == [1, 2, 3, 4, 5, 6]
    assert losses(parts) == losses(whole)
    a, b = whole.load(), parts.load()
    for kind in ("policy", "ema"):
        assert all(torch.equal(a[kind][name], b[kind][name]) for name in a[kind])
    assert a["validation_l1"] == b["validation_l1"]
    steps = [m["step"] for m in parts.read_metrics()]
    assert steps == [m["step"] for m in whole.read_metrics()]  # nothing twice, nothing lost


def test_the_last_window_is_logged_validated_and_saved_though_it_is_not_full(
    data: Demonstrations, tmp_path: Path
) -> None:
    run = trained(tiny_config(log_every=4, validate_every=4, steps=6), data, tmp_path)
    each = trained(tiny_config(log_every=1, validate_every=4, steps=6), data, tmp_path / "each")
    found, single = losses(run), losses(each)
    assert list(found) == [4, 6]
    assert found[4] == pytest.approx(sum(single[s] for s in (1, 2, 3, 4)) / 4)
    assert found[6] == pytest.approx((single[5] + single[6]) / 2)
    assert [m["step"] for m in run.read_metrics() if "validation_l1" in m] == [4, 6]
    assert run.load()["step"] == 6
    assert (tmp_path / "loss_curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_time_limit_ends_the_run_annealed_logged_and_saved(data: Demonstrations, tmp_path: Path) -> None:
    run = trained(tiny_config(log_every=50, steps=1000), data, tmp_path, max_minutes=1e-9)
    assert list(losses(run)) == [1]
    assert run.load()["step"] == 1
    assert [m["step"] for m in run.read_metrics() if "validation_l1" in m] == [1]


def test_a_run_killed_before_its_first_checkpoint_starts_over(data: Demonstrations, tmp_path: Path) -> None:
    run = Run.open(tmp_path)
    run.metrics.write_text('{"step": 1, "l1": 0.5}\n{"step": 2, "l')  # cut off while being written
    trained(tiny_config(steps=2), data, tmp_path)
    assert [m["step"] for m in run.read_metrics() if "l1" in m] == [1, 2]
    assert losses(run)[1] != 0.5


def test_a_finished_run_has_nothing_left_to_do(data: Demonstrations, tmp_path: Path) -> None:
    run = trained(tiny_config(), data, tmp_path)
    before = run.metrics.read_bytes()
    trained(tiny_config(), data, tmp_path)
    assert run.metrics.read_bytes() == before


def test_validation_and_export_use_the_averaged_weights(data: Demonstrations, tmp_path: Path) -> None:
    run = trained(tiny_config(), data, tmp_path)
    state = run.load()
    _, policy = restore(state)
    assert not policy.training
    restored = policy.state_dict()
    assert all(torch.equal(restored[k], state["ema"][k]) for k in state["ema"])
    assert any(not torch.equal(state["policy"][k], state["ema"][k]) for k in state["ema"])
    trainer = Trainer(tiny_config(), data, run)
    found = trainer.validate()
    assert found["validation_l1"] == state["validation_l1"]
    batch = data.batch(trainer.split.validation, 4)
    with torch.no_grad():
        predicted = policy(batch.current, batch.previous, batch.state).target
    error = policy.actions(predicted, batch.state) - batch.actions
    expected = error.abs()[batch.valid].mean(0)
    assert list(found["joint_error"].values()) == pytest.approx(expected.tolist(), abs=1e-5)


def test_bf16_trains(data: Demonstrations, tmp_path: Path) -> None:
    found = losses(trained(tiny_config(bf16=True, steps=2), data, tmp_path))
    assert all(0 < loss < 10 for loss in found.values())


def test_with_patience_training_stops_when_validation_gets_no_better_and_the_best_is_exported(
    data: Demonstrations, tmp_path: Path
) -> None:
    # no learning rate to speak of: every validation is as good as the first, none better
    config = tiny_config(steps=50, lr=1e-12, warmup_steps=0, validate_every=2, patience=3, ema=0.0)
    run = trained(config, data, tmp_path)
    state = run.load()
    assert [m["step"] for m in run.read_metrics() if "validation_l1" in m] == [2, 4, 6, 8]
    assert (state["step"], state["best"]["step"]) == (8, 2)
    before = run.metrics.read_bytes()
    trained(config, data, tmp_path)  # has nothing left to do
    assert run.metrics.read_bytes() == before


def test_patience_keeps_the_weights_of_the_best_validation(data: Demonstrations, tmp_path: Path) -> None:
    run = trained(tiny_config(steps=6, validate_every=2, patience=5), data, tmp_path)
    state = run.load()
    validated = {m["step"]: m["validation_l1"] for m in run.read_metrics() if "validation_l1" in m}
    best = min(validated, key=lambda step: validated[step])
    assert (state["best"]["step"], state["best"]["validation_l1"]) == (best, validated[best])
    resumed = Trainer(tiny_config(steps=8, validate_every=2), data, run)  # patience given up: the last count
    assert resumed.step == 6
    assert resumed.state()["best"] is None
    state["best"]["ema"]["act.head.bias"] += 1
    _, policy = restore(state)
    assert torch.equal(policy.act.head.bias, state["best"]["ema"]["act.head.bias"])


# -- sequences -------------------------------------------------------------------------------------

MEMORY = {"enabled": True, "length": 8, "heads": 2, "sequence": 4}


def test_a_policy_with_a_memory_trains_on_sequences_and_resumes(data: Demonstrations, tmp_path: Path) -> None:
    config = tiny_config({"memory": MEMORY, "cameras": {"broadcast": ["command"]}}, checkpoint_minutes=0.0)
    whole = trained(config, data, tmp_path / "whole")
    part = Run.open(tmp_path / "part")

    def interrupt(line: str) -> None:
        if line.startswith("step 3 "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Trainer(config, data, part).train(interrupt)
    trained(config, data, part.folder)
    assert losses(part) == losses(whole)
    trainer = Trainer(config, data, whole)
    assert trainer.batch == 2  # sequences of 4 rows: 8 rows a step
    assert set(trainer.units.tolist()) <= set(trainer.split.train.tolist())
    assert not set(trainer.split.validation.tolist()) & set(trainer.split.train.tolist())


def test_rows_past_an_episodes_end_do_not_count(data: Demonstrations, tmp_path: Path) -> None:
    """A window longer than its episodes: their last row, repeated, is not learned from."""
    config = tiny_config({"memory": {**MEMORY, "sequence": 40}}, steps=1, batch=80)
    trainer = Trainer(config, data, Run.open(tmp_path))
    units = trainer.units
    batch = trainer._batch(units)
    _, exist = data.sequences(units, 40)
    assert not exist.all()
    assert torch.equal(batch.valid.any(dim=1), exist.flatten())
    assert batch.first.unflatten(0, (-1, 40)).sum() == len(units)  # each begins its episode once


# -- several processes -----------------------------------------------------------------------------


@pytest.mark.parametrize("memory", [False, True])
def test_two_processes_take_the_steps_that_one_takes(demos: Path, tmp_path: Path, memory: bool) -> None:
    policy = {
        **TINY,
        # the latent is drawn by each process for itself
        "act": {**TINY["act"], "cvae": False},
        "memory": {**MEMORY, "enabled": memory},
    }
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"name": "tiny", "policy": policy, "train": {**TRAIN, "steps": 3}}))
    asked = [f"--config={config}", f"--data={demos}"]
    assert main([*asked, f"--out={tmp_path / 'one'}"]) == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*torchrun, "-m", "saccade_training.train", *asked, f"--out={tmp_path / 'two'}"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    assert "2 processes; starting" in done.stdout
    assert done.stdout.count("validation L1") == 1  # one of them speaks
    one, two = Run(tmp_path / "one"), Run(tmp_path / "two")
    # Their sums are in another order, which float32 and three steps of AdamW make more of.
    assert losses(two) == pytest.approx(losses(one), abs=1e-4)
    a, b = one.load(), two.load()
    for name in a["ema"]:
        # Nothing depends on a key's bias: its gradient is rounding alone, of which Adam makes whole steps.
        if name.endswith("key.bias"):
            continue
        assert torch.allclose(a["ema"][name].float(), b["ema"][name].float(), atol=1e-3), name
    assert b["validation_l1"] == pytest.approx(a["validation_l1"], abs=1e-4)


def test_a_batch_that_processes_cannot_share_evenly_is_refused(data: Demonstrations, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a step has 8 samples .* 3 processes cannot share evenly"):
        Trainer(tiny_config(), data, Run.open(tmp_path), processes=Processes(0, 3))


def test_raft_weights_are_read_once_and_then_live_in_the_checkpoint(tmp_path: Path) -> None:
    folder = write_demos(tmp_path / "demos", episodes=2, steps=3, size=128)
    weights = tmp_path / "raft.pth"
    torch.manual_seed(5)
    torch.save(raft_small(weights=None).state_dict(), weights)
    flow = {"method": "raft_small", "weights": str(weights), "updates": 1}
    config = tiny_config({"flow": flow}, steps=1, batch=2, validate_every=100)
    run = trained(config, Demonstrations(folder), tmp_path / "run")
    expected = torch.load(weights, weights_only=True)
    weights.unlink()
    _, policy = restore(run.load())
    found = {k.removeprefix("flow.net."): v for k, v in policy.state_dict().items() if k.startswith("flow.")}
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[k], expected[k]) for k in expected)
    Trainer(config, Demonstrations(folder), run)  # resumes without the file
    with pytest.raises(ConfigError, match=r"flow\.weights names .* does not exist"):
        Trainer(config, Demonstrations(folder), Run.open(tmp_path / "new"))


def test_training_overfits_a_tiny_set(tmp_path: Path) -> None:
    data = Demonstrations(write_demos(tmp_path / "demos", episodes=2, steps=8, size=32))
    still = dict.fromkeys(("shift_px", "brightness", "contrast", "channel_gain", "state_noise"), 0)
    config = tiny_config(
        steps=120,
        batch=17,
        lr=0.01,
        warmup_steps=10,
        kl_weight=0.01,
        validation_fraction=0.0,
        log_every=10,
        validate_every=120,
        augment=still,
    )
    found = losses(trained(config, data, tmp_path / "run"))
    assert found[10] > 0.4
    assert found[120] < 0.25 * found[10]


# -- refusals --------------------------------------------------------------------------------------


def test_a_run_is_not_resumed_with_another_policy(data: Demonstrations, tmp_path: Path) -> None:
    run = trained(tiny_config(steps=1), data, tmp_path)
    with pytest.raises(ConfigError, match="another policy config: give --out a new folder"):
        Trainer(tiny_config({"act": {"chunk": 5}}, steps=1), data, run)


def test_a_checkpoint_of_another_version_is_refused_naming_what_it_lacks(
    data: Demonstrations, tmp_path: Path
) -> None:
    run = trained(tiny_config(steps=1), data, tmp_path)
    state = run.load()
    del state["cpu_seconds"]
    run.save(state)
    with pytest.raises(ConfigError, match=r"checkpoint\.pt lacks cpu_seconds, as those of another"):
        Trainer(tiny_config(steps=1), data, run)


@pytest.mark.parametrize("change", ["demos", "episodes", "seed"])
def test_a_run_is_not_resumed_with_other_demonstrations_or_another_split(
    demos: Path, data: Demonstrations, tmp_path: Path, change: str
) -> None:
    config = tiny_config(steps=1)
    run = trained(config, data, tmp_path / "run")
    if change == "demos":
        data = Demonstrations(write_demos(tmp_path / "other", episodes=4, steps=9, size=32))
    if change == "episodes":
        data = Demonstrations(demos, 3)
    if change == "seed":
        seed = next(
            s
            for s in range(2, 20)
            if Split.of(data, replace(config.train, seed=s)).validation_episodes
            != run.load()["data"]["validation_episodes"]
        )
        config = tiny_config(steps=1, seed=seed)
    with pytest.raises(ConfigError, match="other demonstrations or another split"):
        Trainer(config, data, run)


# -- the command -----------------------------------------------------------------------------------


def config_file(folder: Path, **train: Any) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump({"name": "tiny", "policy": TINY, "train": {**TRAIN, **train}}))
    return path


def test_the_command_trains_resumes_and_notes_its_sessions(
    demos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(**train: Any) -> list[str]:
        config = config_file(tmp_path, **train)
        return ["--config", str(config), "--data", str(demos), "--out", str(tmp_path / "run")]

    assert main(command(steps=2)) == 0
    assert main(command(steps=3)) == 0
    assert main(command(steps=3)) == 0
    out = capsys.readouterr().out
    assert "4 episodes, 46 rows" in out
    assert "resuming at step 2" in out
    assert "is trained already" in out
    sessions = [json.loads(line) for line in (tmp_path / "run/sessions.jsonl").read_text().splitlines()]
    assert [s["from_step"] for s in sessions] == [0, 2, 3]
    assert sessions[0]["data"] == str(demos)
    assert sessions[0]["versions"]["torch"] == str(torch.__version__)
    assert list(losses(Run(tmp_path / "run"))) == [1, 2, 3]


@pytest.mark.parametrize("wrong", ["config", "data", "policy", "out", "checkpoint"])
def test_the_command_refuses_in_one_line_with_status_2(
    demos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    run = tmp_path / "run"
    args = {"config": config_file(tmp_path, steps=1), "data": demos, "out": run}
    if wrong == "checkpoint":
        run.mkdir()
        (run / "checkpoint.pt").write_bytes(b"junk")
    elif wrong == "out":
        run.write_text("a file")
    elif wrong == "policy":  # 32 px do not divide into patches of 20
        args["config"].write_text("policy: { mp: { patch: 20 } }")
    else:
        args[wrong] = tmp_path / "none"
    assert main([f"--{name}={value}" for name, value in args.items()]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert ("mp.patch is 20" if wrong == "policy" else str(tmp_path)) in error
    assert wrong in ("out", "checkpoint") or not run.exists()


@pytest.mark.parametrize("option", ["--max-minutes=0", "--max-minutes=nan", "--episodes=0"])
def test_senseless_limits_are_refused(tmp_path: Path, option: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main([f"--config={tmp_path}", f"--data={tmp_path}", f"--out={tmp_path}", option])
    assert caught.value.code == 2
