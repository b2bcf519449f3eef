"""The composite policy: every option builds and learns, and both frames are treated alike."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from synthetic import JOINTS
from tiny import cameras, moved, random_frames, tiny_config, tiny_policy

from saccade_training.act import Act
from saccade_training.config import ActConfig, AugmentConfig, CameraSpec, ConfigError, load_config
from saccade_training.dataset import colour_jitter
from saccade_training.policy import Normalisation, SaccadePolicy
from saccade_training.train import kl_divergence, masked_l1

FLOWS: list[dict[str, Any]] = [
    {"method": "off"},
    *({"method": "lucas_kanade", "fusion": fusion} for fusion in ("concat", "alpha", "attention")),
]
MECHANISMS = {"fc": "linear", "mlp": "mlp", "attention": "attention", "gating": "gating"}
MPS: list[dict[str, Any]] = [
    {"enabled": False},
    *({"fusion": f, "cls_fusion": c} for f, c in product(MECHANISMS, MECHANISMS.values())),
    *({"fusion": f, "cls_fusion": c, "weights": "shared"} for f, c in MECHANISMS.items()),
]
CAMERAS: list[dict[str, Any]] = [
    {"mode": mode, "pooling": pooling}
    for mode, pooling in product(("spatial", "pooled"), ("average", "saliency"))
]
ACTS: list[dict[str, Any]] = [
    {"cvae": cvae, "relative": relative} for cvae, relative in product((True, False), (True, False))
]
# every flow × cameras × ACT option with the M/P options in turn; every M/P option with the others in turn
MATRIX = [
    (flow, MPS[i % len(MPS)], cams, act) for i, (flow, cams, act) in enumerate(product(FLOWS, CAMERAS, ACTS))
] + [(FLOWS[i % 4], mp, CAMERAS[i % 4], ACTS[(i + 1) % 4]) for i, mp in enumerate(MPS)]


def cannot_learn(policy: SaccadePolicy) -> re.Pattern[str]:
    """Parameters whose gradient is 0 by construction."""
    config = policy.config
    # a softmax does not see what is added to all of its scores, as a key's bias is
    patterns = [r"\.key\.bias$"]
    if config.cameras.mode == "pooled":  # a single key: the weight is 1 whatever the query
        patterns.append(r"^cross\.edges\..*\.(query|key)\.")
    if not config.act.cvae:  # the latent is 0
        patterns.append(r"^act\.latent\.weight$")
    return re.compile("|".join(patterns))


@pytest.mark.parametrize(("flow", "mp", "cams", "act"), MATRIX)
def test_every_option_builds_and_its_gradients_reach_every_enabled_pathway(
    flow: dict[str, Any], mp: dict[str, Any], cams: dict[str, Any], act: dict[str, Any]
) -> None:
    policy = tiny_policy({"flow": flow, "mp": mp, "cameras": cams, "act": act}).train()
    frames = random_frames()
    torch.manual_seed(1)
    actions, valid = torch.randn(2, 4, 7), torch.tensor([[True] * 4, [True, True, False, False]])
    out = policy(frames, moved(frames), torch.randn(2, 7), actions, valid)
    assert out.target.shape == (2, 4, 7)
    loss = masked_l1(out.target, torch.randn(2, 4, 7), valid)
    assert (out.mu is not None) == policy.config.act.cvae
    if out.mu is not None and out.logvar is not None:
        loss = loss + kl_divergence(out.mu, out.logvar)
    loss.backward()
    kinds = {name.split("_")[0] for name in out.views}
    assert ("flow" in kinds) == (flow["method"] != "off")
    assert ({"m", "p"} <= kinds) == mp.get("enabled", True)
    assert sum(name.startswith("attention") for name in out.views) == 6
    exempt = cannot_learn(policy)
    untouched = [
        name
        for name, p in policy.named_parameters()
        if not exempt.search(name) and (p.grad is None or not p.grad.abs().max() > 0)
    ]
    assert untouched == []


def test_pathways_that_are_off_have_no_parameters() -> None:
    names = [
        name
        for name, _ in tiny_policy(
            {"flow": {"method": "off"}, "mp": {"enabled": False}, "act": {"cvae": False}}
        ).named_parameters()
    ]
    assert not [n for n in names if re.search(r"flow|two_stream|patches|cls|posterior", n)]


def test_backbones_are_shared_only_when_asked() -> None:
    def backbones(shared: bool) -> int:
        policy = tiny_policy({"backbone": {"shared": shared}})
        return len({id(path.backbone) for path in policy.paths.values()})

    assert (backbones(False), backbones(True)) == (3, 1)


@pytest.mark.parametrize("jitter", [False, True])
def test_identical_frames_have_exactly_no_flow_and_no_change(jitter: bool) -> None:
    """Previous and current frame pass the same scaling, normalisation and augmentation."""
    policy, frames = tiny_policy(), random_frames()
    colour = colour_jitter(AugmentConfig(), 3, 2, torch.Generator().manual_seed(0)) if jitter else None
    views = policy(frames, [x.clone() for x in frames], torch.zeros(2, 7), colour=colour).views
    for camera in policy.cameras:
        assert views[f"flow_{camera.name}"].abs().max() == 0
        assert views[f"m_{camera.name}"].abs().max() == 0
    different = policy(frames, moved(frames), torch.zeros(2, 7), colour=colour).views
    for camera in policy.cameras:
        assert different[f"flow_{camera.name}"].abs().max() > 0
        assert different[f"m_{camera.name}"].abs().max() > 0


def test_flow_is_clamped_to_its_range_and_divided_by_it() -> None:
    policy = tiny_policy({"flow": {"range_px": 10}})

    class Constant(torch.nn.Module):
        def forward(self, previous: torch.Tensor, current: torch.Tensor) -> torch.Tensor:
            flow = torch.tensor([4.0, -30.0]).view(1, 2, 1, 1)
            return flow.expand(len(previous), 2, 16, 16)

    policy.flow = Constant()  # type: ignore[assignment]
    frames = random_frames()
    flow = policy(frames, frames, torch.zeros(2, 7)).views["flow_head"]
    assert torch.equal(flow[0, :, 3, 3], torch.tensor([0.4, -1.0]))


def test_cameras_are_known_by_role_not_by_order() -> None:
    policy = tiny_policy().eval()
    frames, state = random_frames(), torch.zeros(2, 7)
    expected = policy(frames, moved(frames), state).target
    turned = SaccadePolicy(policy.config, policy.cameras[::-1], JOINTS).eval()
    turned.load_state_dict(policy.state_dict())
    # the CLS tokens follow the camera order, each with its own learned position
    turned.act.position.data[:, -3:] = policy.act.position.data[:, -3:].flip(1)
    found = turned(frames[::-1], moved(frames)[::-1], state).target
    assert torch.allclose(found, expected, atol=1e-5)


def test_cameras_may_differ_in_size() -> None:
    specs = [
        CameraSpec(c.name, c.role, *size)
        for c, size in zip(cameras(), [(32, 32), (48, 32), (32, 48)], strict=True)
    ]
    policy = SaccadePolicy(tiny_config().policy, specs, JOINTS)
    frames = [torch.randint(0, 256, (2, c.height, c.width, 3), dtype=torch.uint8) for c in specs]
    out = policy(frames, frames, torch.zeros(2, 7))
    assert out.target.shape == (2, 4, 7)
    assert out.views["flow_wrist_context"].shape == (2, 2, 16, 24)


@pytest.mark.parametrize("wanted", ["missing", "double"])
def test_a_wrong_set_of_roles_is_refused(wanted: str) -> None:
    specs = cameras()
    specs = specs[:2] if wanted == "missing" else [*specs[:2], replace(specs[0], name="other")]
    with pytest.raises(ConfigError, match="one camera of each role: wrist_detail, wrist_context, global"):
        SaccadePolicy(tiny_config().policy, specs, JOINTS)


# -- units -----------------------------------------------------------------------------------------


def normalised_policy() -> SaccadePolicy:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(4, 7, generator=generator) + 0.1
    return SaccadePolicy(tiny_config().policy, cameras(), JOINTS, Normalisation(*values))


def test_actions_undo_the_target() -> None:
    policy = normalised_policy()
    actions, state = torch.randn(2, 4, 7), torch.randn(2, 7)
    assert torch.allclose(policy.actions(policy.target(actions, state), state), actions, atol=1e-5)


def test_the_arm_is_relative_to_its_state_and_the_gripper_is_not() -> None:
    policy = normalised_policy()
    actions, state = torch.randn(2, 4, 7), torch.randn(2, 7)
    there = policy.target(actions + 0.3, state + 0.3)
    here = policy.target(actions, state)
    assert torch.allclose(there[..., :6], here[..., :6], atol=1e-5)
    assert not torch.allclose(there[..., 6], here[..., 6], atol=1e-2)


def test_an_absolute_joint_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"act\.absolute names jaw, which is not a joint"):
        tiny_policy({"act": {"absolute": ["jaw"]}})


# -- ACT -------------------------------------------------------------------------------------------


def act(**options: Any) -> Act:
    torch.manual_seed(0)
    return Act(ActConfig(d=16, heads=2, ffn=16, chunk=5, dropout=0.0, latent=4, **options), 3, 9)


@pytest.mark.parametrize("layers", [1, 3])
def test_the_decoder_gives_a_chunk(layers: int) -> None:
    predicted, mu, logvar = act(decoder_layers=layers)(torch.randn(2, 9, 16), torch.randn(2, 3))
    assert predicted.shape == (2, 5, 3)
    assert mu is None and logvar is None


def test_inference_uses_a_latent_of_zero_and_training_a_random_one() -> None:
    module = act()
    perception, state = torch.randn(2, 9, 16), torch.randn(2, 3)
    assert torch.equal(module(perception, state)[0], module(perception, state)[0])
    actions, valid = torch.randn(2, 5, 3), torch.ones(2, 5, dtype=torch.bool)
    first, mu, logvar = module(perception, state, actions, valid)
    assert mu.shape == logvar.shape == (2, 4)
    assert not torch.equal(first, module(perception, state, actions, valid)[0])


def test_padded_actions_count_neither_for_the_posterior_nor_for_the_loss() -> None:
    module = act()
    state, actions = torch.randn(2, 3), torch.randn(2, 5, 3)
    valid = torch.tensor([[True, True, True, False, False], [True] * 5])
    padded, real = actions.clone(), actions.clone()
    padded[0, 3:] = 100
    real[0, 2] = 100
    mu, logvar = module.posterior(state, actions, valid)
    assert all(map(torch.equal, (mu, logvar), module.posterior(state, padded, valid)))
    assert not torch.equal(mu, module.posterior(state, real, valid)[0])
    zero = torch.zeros(2, 5, 3)
    assert torch.equal(masked_l1(zero, actions, valid), masked_l1(zero, padded, valid))
    assert masked_l1(zero, real, valid) > masked_l1(zero, actions, valid)


def test_kl_of_the_prior_is_zero_and_that_of_another_gaussian_is_torchs() -> None:
    assert kl_divergence(torch.zeros(2, 4), torch.zeros(2, 4)) == 0
    mu, logvar = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    one = torch.distributions.Normal(mu, (0.5 * logvar).exp())
    expected = torch.distributions.kl_divergence(one, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    assert torch.allclose(kl_divergence(mu, logvar), expected, atol=1e-5)


# -- shipped sizes ---------------------------------------------------------------------------------

CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.mark.parametrize(
    ("name", "size", "chunk"), [("pick_lift", (96, 96), 20), ("full_size", (128, 96), 100)]
)
def test_shipped_configs_build_and_run(name: str, size: tuple[int, int], chunk: int) -> None:
    config = load_config(CONFIGS / f"{name}.yaml").policy
    policy = SaccadePolicy(config, cameras(*size), JOINTS).eval()
    frames = [torch.randint(0, 256, (1, size[1], size[0], 3), dtype=torch.uint8) for _ in range(3)]
    with torch.no_grad():
        out = policy(frames, frames, torch.zeros(1, 7))
    assert out.target.shape == (1, chunk, 7)
    assert out.views["attention_head_from_wrist_detail"].shape == (1, 4, 36)
