"""Pre-training of the two-stream encoders: what each method trains, and a policy that starts from it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tiny import TINY, tiny_config, tiny_policy

from saccade_training.clips import draw_pairs
from saccade_training.config import Config, ConfigError, MpConfig, PretrainConfig
from saccade_training.dataset import Demonstrations
from saccade_training.dino import TwoStreamDino, crop, crop_grid
from saccade_training.encoders import load_encoders, save_encoders
from saccade_training.pretrain import METHODS, build, main, pretrain
from saccade_training.run import Run
from saccade_training.two_stream import TwoStreamEncoder
from saccade_training.video_prediction import VideoPrediction

PRE: dict[str, Any] = {
    "batch": 8,
    "steps": 3,
    "lr": 0.003,
    "log_every": 2,
    "global_px": 32,
    "local_px": 16,
    "prototypes": 16,
    "horizon": 3,
    "channels": [8, 16],
}


def config(mp: dict[str, Any] | None = None, **pre: Any) -> Config:
    return replace(
        tiny_config({"mp": mp or {}}), pretrain=PretrainConfig(**{**PRE, "channels": (8, 16), **pre})
    )


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def silent(_line: str) -> None:
    pass


def steps(method: str, data: Demonstrations, count: int, seed: int = 0, **pre: Any) -> list[float]:
    """The loss over `count` steps."""
    torch.manual_seed(seed)
    _, model = build(method, config(**pre), data)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.003)
    rng, found = generator(seed), []
    for _ in range(count):
        loss = model.loss(data, rng, torch.device("cpu"))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        model.after_step()
        found.append(loss.item())
    return found


# -- clips -----------------------------------------------------------------------------------------


def test_pairs_are_of_one_camera_and_one_episode(data: Demonstrations) -> None:
    frames = [f.permute(0, 3, 1, 2).float() / 255 for f in data.frames]
    for seed in range(6):
        now, later, rows = draw_pairs(data, 32, 5, generator(seed))
        camera = next(c for c in range(3) if torch.allclose(frames[c][rows], now))
        assert torch.allclose(frames[camera][torch.minimum(rows + 5, data.last[rows])], later)


def test_a_crop_takes_the_same_box_of_every_frame_of_a_clip() -> None:
    frame = torch.rand(4, 3, 32, 32, generator=generator())
    grid = crop_grid(4, 16, (0.1, 0.5), generator())
    assert crop(frame, grid).shape == (4, 3, 16, 16)
    assert torch.equal(crop(frame, grid), crop(frame.clone(), grid))  # so a static clip has no change
    assert grid.abs().max() <= 1  # within the frame
    x = torch.linspace(-1, 1, 32).expand(4, 3, 32, 32)
    sides = crop(x, grid)[:, 0, 8].diff(dim=-1).sign().mean(dim=-1)
    assert set(sides.tolist()) <= {-1.0, 1.0}  # mirrored or not, never torn


# -- the methods -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("patches", ["map", "tokens"])
def test_the_gradient_reaches_both_encoders_and_the_fusion_of_cls(
    data: Demonstrations, method: str, patches: str
) -> None:
    torch.manual_seed(0)
    encoder, model = build(method, config({"patches": patches}), data)
    model.loss(data, generator(1), torch.device("cpu")).backward()
    for module in (encoder.m_encoder, encoder.p_encoder, encoder.aggregate.cls_fusion):
        for name, p in module.named_parameters():
            assert name.endswith("key.bias") or (p.grad is not None and p.grad.abs().max() > 0), name


@pytest.mark.parametrize(("method", "count"), [("video", 60), ("inverse", 200)])
def test_it_learns(data: Demonstrations, method: str, count: int) -> None:
    found = steps(method, data, count)
    assert sum(found[-10:]) < 0.75 * sum(found[:10])


def test_dino_learns_which_crops_are_of_one_clip(data: Demonstrations) -> None:
    """The loss falls below that of a uniform guess, and not by giving every clip the same answer."""
    torch.manual_seed(0)
    _, model = build("dino", config(batch=16), data)
    assert isinstance(model, TwoStreamDino)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.003)
    rng = generator()
    for _ in range(60):
        loss = model.loss(data, rng, torch.device("cpu"))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        model.after_step()
    assert loss.item() < 0.9 * torch.tensor(16.0).log().item()
    before, now, _ = draw_pairs(data, 32, 1, generator(5))
    answers = model._scores(model.encoder, model.head, before, now).argmax(dim=-1)
    assert len(answers.unique()) > 1


def test_the_teacher_follows_the_student_slowly_and_learns_by_nothing_else(data: Demonstrations) -> None:
    torch.manual_seed(0)
    encoder, model = build("dino", config(momentum=0.75), data)
    assert isinstance(model, TwoStreamDino)
    assert not any(p.requires_grad for p in model.teacher.parameters())
    with torch.no_grad():
        encoder.m_encoder.cls += 4
    model.after_step()
    assert torch.allclose(model.teacher[0].m_encoder.cls, encoder.m_encoder.cls - 3)
    centre = model.centre.clone()
    model.loss(data, generator(), torch.device("cpu"))
    assert not torch.equal(model.centre, centre)


def test_static_clips_have_no_change(data: Demonstrations, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(
        "saccade_training.dino.m_channels",
        lambda a, b: seen.append((b - a).abs().max()) or torch.cat([b - a, (b - a)[:, :1]], 1),
    )
    for static in (1.0, 0.0):
        seen.clear()
        _, model = build("dino", config(static=static), data)
        model.loss(data, generator(3), torch.device("cpu"))
        assert (max(seen) == 0) == (static == 1.0)


def test_only_the_change_embedding_tells_the_predictor_what_comes() -> None:
    """Two clips begin alike and end otherwise: the predictions differ, by the embedding alone."""
    torch.manual_seed(0)
    model = VideoPrediction(
        TwoStreamEncoder(32, 32, MpConfig(dim=16, heads=2)), 16, PretrainConfig(channels=(8, 16))
    )
    now = torch.rand(1, 3, 32, 32)
    one, other = (model.predict(now, now + change) for change in (0.0, 0.3))
    assert one.shape == now.shape
    assert not torch.allclose(one, other, atol=1e-5)


# -- a policy that starts from them ----------------------------------------------------------------


def test_a_policy_starts_from_pretrained_encoders_and_may_keep_them_frozen(
    data: Demonstrations, tmp_path: Path
) -> None:
    run = Run.open(tmp_path / "pre")
    pretrain("inverse", config(), data, run, silent)
    saved = torch.load(run.folder / "encoders.pt", weights_only=True)["encoder"]
    assert [m["step"] for m in run.read_metrics()] == [2, 3]
    assert json.loads((run.folder / "pretraining.json").read_text())["method"] == "inverse"
    policy = tiny_policy({"mp": {"encoders": str(run.folder / "encoders.pt"), "frozen": True}})
    policy.load_pretrained()
    assert policy.two_stream is not None
    encoder = policy.two_stream["32x32"]
    found = encoder.state_dict()
    assert all(torch.equal(found[name], saved[name]) for name in saved)
    frozen = {name.split(".")[0] for name, p in encoder.named_parameters() if not p.requires_grad}
    assert frozen == {"m_encoder", "p_encoder"}


def test_positions_are_interpolated_and_another_fusion_keeps_its_own_weights(tmp_path: Path) -> None:
    mp = MpConfig(dim=16, heads=2)
    torch.manual_seed(0)
    small = TwoStreamEncoder(32, 32, mp)
    save_encoders(small, mp, tmp_path / "e.pt")
    other = MpConfig(dim=16, heads=2, fusion="mlp", cls_fusion="mlp", encoders=str(tmp_path / "e.pt"))
    large = TwoStreamEncoder(64, 48, other)
    before = large.aggregate.state_dict()["patch_fusion.mlp.0.weight"].clone()
    load_encoders(large, other)
    assert torch.equal(large.m_encoder.embed.weight, small.m_encoder.embed.weight)
    assert large.m_encoder.position.shape == (1, 1 + 4 * 3, 16)
    assert torch.equal(large.m_encoder.position[:, 0], small.m_encoder.position[:, 0])
    assert torch.equal(large.aggregate.state_dict()["patch_fusion.mlp.0.weight"], before)


def test_encoders_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.pt"
    mp = MpConfig(dim=16, heads=2)
    save_encoders(TwoStreamEncoder(32, 32, mp), mp, path)

    def load(**options: Any) -> None:
        wanted = MpConfig(**{"dim": 16, "heads": 2, "encoders": str(path), **options})
        load_encoders(TwoStreamEncoder(32, 32, wanted), wanted)

    with pytest.raises(ConfigError, match=r"mp\.encoders names .*whose dim is 16: mp\.dim is 32"):
        load(dim=32)
    with pytest.raises(ConfigError, match=r"mp\.encoders names .*none\.pt, which does not exist"):
        load(encoders=str(tmp_path / "none.pt"))
    path.write_bytes(b"junk")
    with pytest.raises(ConfigError, match=r"which does not hold pre-trained encoders"):
        load()


# -- the command -----------------------------------------------------------------------------------


def write_config(folder: Path, mp: dict[str, Any] | None = None, **pre: Any) -> Path:
    path = folder / "config.yaml"
    policy = {**TINY, "mp": {**TINY["mp"], **(mp or {})}}
    path.write_text(yaml.safe_dump({"policy": policy, "pretrain": {**PRE, **pre}}))
    return path


def test_the_command_leaves_encoders_that_another_method_goes_on_from(demos: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(["dino", f"--config={write_config(tmp_path)}", f"--data={demos}", f"--out={first}"]) == 0
    onwards = write_config(tmp_path, {"encoders": str(first / "encoders.pt"), "frozen": True})
    assert main(["inverse", f"--config={onwards}", f"--data={demos}", f"--out={second}"]) == 0
    one, other = (torch.load(f / "encoders.pt", weights_only=True)["encoder"] for f in (first, second))
    vits = [name for name in one if "_encoder." in name]
    assert all(torch.equal(one[name], other[name]) for name in vits)  # frozen
    assert not torch.equal(one["aggregate.cls_fusion.fc.weight"], other["aggregate.cls_fusion.fc.weight"])


@pytest.mark.parametrize(
    ("mp", "pre", "message"),
    [
        ({"aggregation": "averages"}, {}, "policy.mp must be enabled with the aggregation pixelwise"),
        ({"enabled": False}, {}, "policy.mp must be enabled"),
        ({}, {"local_px": 20}, "pretrain.local_px is 20: give a multiple of policy.mp.patch, 16"),
    ],
)
def test_the_command_refuses_in_one_line(
    demos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    mp: dict[str, Any],
    pre: dict[str, Any],
    message: str,
) -> None:
    out = tmp_path / "out"
    assert (
        main(["dino", f"--config={write_config(tmp_path, mp, **pre)}", f"--data={demos}", f"--out={out}"])
        == 2
    )
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()
