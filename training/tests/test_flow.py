"""Optical flow: accuracy against known translations, exact zeros, and where weights come from."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from synthetic import JOINTS
from tiny import cameras, moved, random_frames, tiny_config, tiny_policy
from torch import Tensor
from torchvision.models.optical_flow import raft_small

from saccade_training.config import ConfigError, FlowConfig
from saccade_training.flow import FlowBackbone, LucasKanade, RaftSmall, build_flow
from saccade_training.policy import SaccadePolicy


def texture(dx: float, dy: float, size: int = 96, seed: int = 0) -> Tensor:
    """A sum of plane waves moved by (dx, dy): its translation is known exactly. [1, 3, size, size]."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(size) - dy, torch.arange(size) - dx, indexing="ij")
    image = torch.zeros(3, size, size)
    for _ in range(24):
        wavelength = 10 + 30 * torch.rand((), generator=generator)
        angle, *phases = 2 * math.pi * torch.rand(4, generator=generator)
        along = (x * angle.cos() + y * angle.sin()) * 2 * math.pi / wavelength
        image += torch.stack([(along + phase).sin() for phase in phases])
    return (0.5 + 0.05 * image)[None].clamp(0, 1)


def default_estimator(**options: float) -> LucasKanade:
    found = build_flow(FlowConfig(**options), cameras(96, 96))  # type: ignore[arg-type]
    assert isinstance(found, LucasKanade)
    return found


@pytest.mark.parametrize("scale", [0.5, 1.0])
@pytest.mark.parametrize("shift", [(0.3, -0.4), (1.5, 0.7), (-3.0, 2.0), (5.0, 4.0)], ids=str)
def test_lucas_kanade_recovers_a_translation(shift: tuple[float, float], scale: float) -> None:
    flow = default_estimator(scale=scale)(texture(0, 0), texture(*shift))
    side = round(96 * scale)
    assert flow.shape == (1, 2, side, side)
    truth = torch.tensor(shift).view(1, 2, 1, 1)
    error = (flow - truth).norm(dim=1)
    inside = error[:, side // 8 : -side // 8, side // 8 : -side // 8]
    assert float(inside.median()) < 0.1
    # what was at x is at x + flow: the sign is that of the motion, and a still picture is far worse
    assert float(inside.median()) < 0.25 * float(truth.norm())


def test_lucas_kanade_of_identical_frames_is_exactly_zero() -> None:
    frames = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    assert torch.equal(default_estimator()(frames, frames.clone()), torch.zeros(2, 2, 48, 48))


def test_lucas_kanade_without_texture_is_zero_and_finite() -> None:
    black, grey = torch.zeros(1, 3, 96, 96), torch.full((1, 3, 96, 96), 0.5)
    assert torch.equal(default_estimator()(black, grey), torch.zeros(1, 2, 48, 48))


def test_lucas_kanade_stays_finite_on_unrelated_frames() -> None:
    a, b = torch.rand(2, 4, 3, 96, 96, generator=torch.Generator().manual_seed(2))
    assert default_estimator()(a, b).isfinite().all()


@pytest.mark.parametrize("window", [3, 7, 25])
def test_the_mean_over_a_window_is_the_same_by_products_as_by_pooling(
    window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimator = default_estimator(window=window)
    image = torch.rand(2, 1, 40, 60, generator=torch.Generator().manual_seed(6))
    by_products = estimator._mean(image)
    monkeypatch.setattr("saccade_training.flow.SMALL", 0)
    torch.testing.assert_close(by_products, estimator._mean(image), rtol=0, atol=1e-6)


def test_flow_backbone_widths_and_strides_are_the_documents() -> None:
    backbone = FlowBackbone((64, 128, 256, 512))
    convolutions = [m for m in backbone.layers if isinstance(m, torch.nn.Conv2d)]
    assert [(c.out_channels, c.kernel_size[0], c.stride[0]) for c in convolutions] == [
        (64, 7, 2),
        (128, 5, 2),
        (256, 3, 2),
        (512, 3, 1),
    ]
    assert backbone(torch.zeros(1, 2, 48, 64)).shape == (1, 512, 6, 8)


def test_too_many_levels_for_the_frames_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"flow\.levels is 6 .* wrist_detail's 96×96: give fewer levels"):
        build_flow(FlowConfig(levels=6), cameras(96, 96))


# -- RAFT ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("raft") / "raft_small.pth"
    torch.save(raft_small(weights=None).state_dict(), path)
    return path


def raft_policy(weights: Path, size: int = 128) -> SaccadePolicy:
    flow = {"method": "raft_small", "weights": str(weights), "updates": 2}
    return tiny_policy({"flow": flow}, size=size)


def test_raft_is_torchvisions_last_refinement_of_frames_in_minus_one_to_one(weights: Path) -> None:
    policy = raft_policy(weights)
    policy.load_pretrained()
    assert isinstance(policy.flow, RaftSmall)
    now = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(4))
    before = now.roll(2, dims=3)
    reference = raft_small(weights=None).eval()
    reference.load_state_dict(torch.load(weights, weights_only=True))
    with torch.no_grad():
        expected = reference(before * 2 - 1, now * 2 - 1, num_flow_updates=2)
    assert torch.equal(policy.flow(before, now), expected[-1])
    assert not torch.equal(expected[-1], expected[0])


def test_raft_of_identical_frames_is_exactly_zero_for_that_sample_only(weights: Path) -> None:
    raft = RaftSmall(2)
    raft.load(str(weights))
    now = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(5))
    before = now.clone()
    before[1] = before[1].roll(2, dims=2)
    flow = raft(before, now)
    assert flow[0].abs().max() == 0
    assert flow[1].abs().max() > 0


def test_raft_is_frozen(weights: Path) -> None:
    policy = raft_policy(weights).train()
    assert isinstance(policy.flow, RaftSmall)
    assert not policy.flow.net.training
    frames = random_frames(size=128)
    policy(frames, moved(frames), torch.zeros(2, 7)).target.sum().backward()
    assert all(p.grad is None and not p.requires_grad for p in policy.flow.parameters())


def test_small_frames_are_refused_for_raft(weights: Path) -> None:
    with pytest.raises(ConfigError, match=r"at least 128×128 px .* wrist_detail is 96×96: set flow\.method"):
        raft_policy(weights, size=96)


@pytest.mark.parametrize("content", [None, b"", b"junk", {"other": torch.zeros(1)}, [1]], ids=str)
def test_weights_that_cannot_be_read_are_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    policy = raft_policy(path)
    with pytest.raises(ConfigError) as caught:
        policy.load_pretrained()
    assert str(caught.value).startswith(f"flow.weights names {path}, which does not ")
    assert "\n" not in str(caught.value)


def test_without_flow_there_is_no_flow_module() -> None:
    policy = SaccadePolicy(tiny_config({"flow": {"method": "off"}}).policy, cameras(), JOINTS)
    assert policy.flow is None
    assert not any("flow" in name for name, _ in policy.named_parameters())
