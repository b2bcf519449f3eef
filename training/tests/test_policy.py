"""The composite policy: every option builds and learns, and both frames are treated alike."""

from __future__ import annotations

import re
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
from saccade_training.latent import GaussianLatent, VqLatent
from saccade_training.memory import Cache
from saccade_training.policy import Carried, Normalisation, SaccadePolicy
from saccade_training.train import masked_l1

FLOWS: list[dict[str, Any]] = [
    {"method": "off"},
    *({"method": "lucas_kanade", "fusion": fusion} for fusion in ("concat", "alpha", "attention")),
]
MECHANISMS = {"fc": "linear", "mlp": "mlp", "attention": "attention", "gating": "gating"}
MPS: list[dict[str, Any]] = [
    {"enabled": False},
    *({"aggregation": name} for name in ("averages", "averages_fc", "all_patches")),
    {"patches": "tokens"},
    *({"fusion": f, "cls_fusion": c} for f, c in product(MECHANISMS, MECHANISMS.values())),
    *({"fusion": f, "cls_fusion": c, "weights": "shared"} for f, c in MECHANISMS.items()),
]
CAMERAS: list[dict[str, Any]] = [
    {"mode": mode, "pooling": pooling}
    for mode, pooling in product(("spatial", "pooled"), ("average", "saliency"))
] + [{"mode": "plain"}]
ACTS: list[dict[str, Any]] = [
    {"cvae": cvae, "vq": vq, "relative": relative}
    for (cvae, vq), relative in product(((True, False), (True, True), (False, False)), (True, False))
]
# what a policy may carry from step to step, and what is tiled over its maps
BROADCASTS: list[tuple[str, ...]] = [(), ("state",), ("command",), ("state", "command")]
MATRIX: list[dict[str, dict[str, Any]]] = [
    {
        "flow": flow,
        "mp": mp,
        "cameras": {**cams, "broadcast": list(BROADCASTS[i % 4])},
        "act": act,
        "memory": {"enabled": i % 3 == 0, "length": 3, "heads": 2},
    }
    for i, (flow, mp, cams, act) in enumerate(
        [
            *(
                (flow, MPS[i % len(MPS)], cams, ACTS[i % 6])
                for i, (flow, cams) in enumerate(product(FLOWS, CAMERAS))
            ),
            *((FLOWS[i % 4], mp, CAMERAS[i % 5], ACTS[(i + i // 6) % 6]) for i, mp in enumerate(MPS)),
        ]
    )
]


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


# every flow × cameras option and every M/P option, with the others in turn
@pytest.mark.parametrize(
    "options", MATRIX, ids=lambda o: "-".join(str(v) for s in o.values() for v in s.values())
)
def test_every_option_builds_and_its_gradients_reach_every_enabled_pathway(
    options: dict[str, dict[str, Any]],
) -> None:
    policy = tiny_policy(options).train()
    frames = random_frames()
    torch.manual_seed(1)
    actions, valid = torch.randn(2, 4, 7), torch.tensor([[True] * 4, [True, True, False, False]])
    carried = Carried(torch.tensor([[True, False]]), torch.randn(2, 7))  # one sequence of two steps
    out = policy(frames, moved(frames), torch.randn(2, 7), actions, valid, carried=carried)
    assert out.target.shape == (2, 4, 7)
    loss = masked_l1(out.target, torch.randn(2, 4, 7), valid)
    assert (out.latent is not None) == policy.config.act.cvae
    if out.latent is not None:
        assert isinstance(out.latent, VqLatent if policy.config.act.vq else GaussianLatent)
        loss = loss + out.latent.kl()
    loss.backward()
    kinds = {name.split("_")[0] for name in out.views}
    assert ("flow" in kinds) == (options["flow"]["method"] != "off")
    assert ({"m", "p"} <= kinds) == options["mp"].get("enabled", True)
    edges = 0 if options["cameras"]["mode"] == "plain" else 6
    assert sum(name.startswith("attention") for name in out.views) == edges == len(policy.edges)
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


def some_cameras(*roles: str) -> list[CameraSpec]:
    return [CameraSpec(f"camera_{i}", role, 32, 32) for i, role in enumerate(roles)]  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["spatial", "pooled", "plain"])
@pytest.mark.parametrize(
    ("roles", "edges"),
    [
        (["global_overview"], set()),
        (["global_overview", "wrist_detail"], {(0, 1), (1, 0)}),
        # two wrists and no context: each wrist looks at the overview, not at the other wrist
        (["wrist_detail", "wrist_detail", "global_overview"], {(0, 2), (1, 2), (2, 0), (2, 1)}),
    ],
)
def test_any_number_of_cameras_of_any_roles(mode: str, roles: list[str], edges: set[tuple[int, int]]) -> None:
    specs = some_cameras(*roles)
    policy = SaccadePolicy(tiny_config({"cameras": {"mode": mode}}).policy, specs, JOINTS)
    frames = random_frames()[: len(specs)]
    out = policy(frames, moved(frames), torch.zeros(2, 7))
    assert out.target.shape == (2, 4, 7)
    named = {(f"camera_{q}", f"camera_{k}") for q, k in edges} if mode != "plain" else set()
    assert set(policy.edges.values()) == named
    assert {name for name in out.views if name.startswith("attention")} == set(policy.edges)


def test_edges_are_configuration() -> None:
    edges = ["wrist_detail_from_wrist_detail", "wrist_detail_from_global_overview"]
    config = tiny_config({"cameras": {"edges": edges}}).policy
    specs = some_cameras("wrist_detail", "wrist_detail", "global_overview")
    policy = SaccadePolicy(config, specs, JOINTS).eval()
    assert policy.cross is not None
    assert policy.cross.sources == {
        "camera_0": ["camera_1", "camera_2"],
        "camera_1": ["camera_0", "camera_2"],
    }
    tokens = {c.name: torch.randn(1, 4, 16) for c in specs}
    fused, _ = policy.cross(tokens)
    assert fused["camera_2"] is tokens["camera_2"]  # it looks at nobody


def test_plain_tokens_are_the_positions_of_the_map() -> None:
    policy = tiny_policy({"cameras": {"mode": "plain"}, "mp": {"enabled": False}})
    assert policy.grids == dict.fromkeys(("wrist_detail", "wrist_context", "head"), (4, 4))
    assert policy.act.position.shape[1] == 2 + 3 * 16


@pytest.mark.parametrize("name", ["a.b", "keys", "camera_0"])
def test_a_name_that_cannot_name_weights_and_no_camera_at_all_are_refused(name: str) -> None:
    specs = [*some_cameras("wrist_detail"), CameraSpec(name, "global_overview", 32, 32)]
    with pytest.raises(ConfigError, match=f"'{name}' cannot name a camera here, or names two"):
        SaccadePolicy(tiny_config().policy, specs, JOINTS)
    with pytest.raises(ConfigError, match="at least one camera"):
        SaccadePolicy(tiny_config().policy, [], JOINTS)


# -- aggregation of M and P ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mp", "tokens", "width"),
    [
        ({"aggregation": "averages"}, 1, 4 * 16),
        ({"aggregation": "averages_fc"}, 1, 16),
        ({"aggregation": "pixelwise"}, 1, 16),
        ({"aggregation": "pixelwise", "patches": "tokens"}, 1 + 4, 16),
        ({"aggregation": "all_patches"}, 2 * (1 + 4), 16),
    ],
)
def test_each_aggregation_has_the_documents_size(mp: dict[str, Any], tokens: int, width: int) -> None:
    policy = tiny_policy({"mp": mp})
    without = tiny_policy({"mp": {"enabled": False}})
    assert policy.act.position.shape[1] - without.act.position.shape[1] == 3 * tokens
    assert policy.cls["head"].in_features == width
    assert (policy.paths["head"].patches is not None) == (mp == {"aggregation": "pixelwise"})


# -- what is carried from step to step -------------------------------------------------------------


def test_the_last_command_is_seen_and_is_the_state_at_an_episodes_start() -> None:
    policy = tiny_policy({"cameras": {"broadcast": ["command"]}}).eval()
    frames, state = random_frames(), torch.randn(2, 7)

    def found(first: bool, command: torch.Tensor | None) -> torch.Tensor:
        carried = Carried(torch.full((2, 1), first), command)
        return policy(frames, frames, state, carried=carried).target

    other = torch.randn(2, 7)
    assert torch.equal(found(True, other), found(True, None))
    assert torch.equal(found(False, state), found(True, other))
    assert not torch.allclose(found(False, other), found(False, state), atol=1e-4)


def test_a_memory_sees_the_past_of_its_episode_and_no_more() -> None:
    policy = tiny_policy({"memory": {"enabled": True, "length": 2, "heads": 2}}).eval()
    now, state = random_frames(batch=1), torch.zeros(1, 7)

    def after(past: int, first: bool) -> torch.Tensor:
        """The target now, after a step that saw another picture."""
        before = random_frames(batch=1, seed=past)
        cache: Cache | None = policy(before, before, state).cache
        return policy(now, now, state, carried=Carried(torch.tensor([[first]]), cache=cache)).target

    assert torch.equal(after(1, True), after(2, True))
    assert not torch.equal(after(1, False), after(2, False))


def test_a_policys_sequence_at_once_is_its_steps_one_at_a_time() -> None:
    policy = tiny_policy(
        {"memory": {"enabled": True, "length": 3, "heads": 2}, "cameras": {"broadcast": ["command"]}}
    ).eval()
    steps = 6
    frames, state, command = random_frames(batch=steps), torch.randn(steps, 7), torch.randn(steps, 7)
    first = torch.tensor([[True, False, False, True, False, False]])
    whole = policy(frames, moved(frames), state, carried=Carried(first, command)).target
    cache: Cache | None = None
    for t in range(steps):
        now = [x[t : t + 1] for x in frames]
        carried = Carried(first[:, t : t + 1], command[t : t + 1], cache)
        out = policy(now, moved(now), state[t : t + 1], carried=carried)
        cache = out.cache
        assert torch.allclose(out.target[0], whole[t], atol=1e-5)


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
    predicted, latent = act(decoder_layers=layers)(torch.randn(2, 9, 16), torch.randn(2, 3))
    assert predicted.shape == (2, 5, 3)
    assert latent is None


def test_inference_uses_a_latent_of_zero_and_training_a_random_one() -> None:
    module = act()
    perception, state = torch.randn(2, 9, 16), torch.randn(2, 3)
    assert torch.equal(module(perception, state)[0], module(perception, state)[0])
    actions, valid = torch.randn(2, 5, 3), torch.ones(2, 5, dtype=torch.bool)
    first, latent = module(perception, state, actions, valid)
    assert latent.mu.shape == latent.logvar.shape == (2, 4)
    assert not torch.equal(first, module(perception, state, actions, valid)[0])


def test_padded_actions_count_neither_for_the_posterior_nor_for_the_loss() -> None:
    module = act()
    state, actions = torch.randn(2, 3), torch.randn(2, 5, 3)
    valid = torch.tensor([[True, True, True, False, False], [True] * 5])
    padded, real = actions.clone(), actions.clone()
    padded[0, 3:] = 100
    real[0, 2] = 100
    q, of_padded, of_real = (module.posterior(state, a, valid) for a in (actions, padded, real))
    assert torch.equal(q.mu, of_padded.mu) and torch.equal(q.logvar, of_padded.logvar)
    assert not torch.equal(q.mu, of_real.mu)
    zero = torch.zeros(2, 5, 3)
    assert torch.equal(masked_l1(zero, actions, valid), masked_l1(zero, padded, valid))
    assert masked_l1(zero, real, valid) > masked_l1(zero, actions, valid)


def test_kl_of_the_prior_is_zero_and_that_of_another_gaussian_is_torchs() -> None:
    assert GaussianLatent(torch.zeros(2, 4), torch.zeros(2, 4)).kl() == 0
    mu, logvar = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    one = torch.distributions.Normal(mu, (0.5 * logvar).exp())
    expected = torch.distributions.kl_divergence(one, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    assert torch.allclose(GaussianLatent(mu, logvar).kl(), expected, atol=1e-5)


# -- ACT's VQ latent -------------------------------------------------------------------------------


def test_a_discrete_latent_is_one_code_a_variable_and_its_gradient_goes_straight_through() -> None:
    logits = torch.randn(2, 3, 5, requires_grad=True)
    latent = VqLatent(logits.softmax(-1), torch.zeros(3, 5))
    drawn = latent.sample()
    assert drawn.shape == (2, 15)
    codes = drawn.detach().unflatten(1, (3, 5))
    assert torch.equal(codes.round().sum(-1), torch.ones(2, 3))
    assert torch.allclose(codes, codes.round(), atol=1e-6)
    weight = torch.randn(15)
    (grad,) = torch.autograd.grad((drawn * weight).sum(), logits)
    (expected,) = torch.autograd.grad((logits.softmax(-1).flatten(1) * weight).sum(), logits)
    assert torch.allclose(grad, expected, atol=1e-6)


def test_the_prior_learns_how_frequent_codes_are_and_leaves_the_posterior_alone() -> None:
    logits, prior = torch.randn(4, 2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    q = logits.softmax(-1)
    kl = VqLatent(q, prior).kl()
    uniform = torch.distributions.Categorical(logits=torch.zeros(4, 2, 3))
    expected = torch.distributions.kl_divergence(torch.distributions.Categorical(probs=q), uniform)
    assert torch.allclose(kl, expected.sum(1).mean(), atol=1e-5)
    kl.backward()
    assert logits.grad is None
    # the gradient vanishes where the prior is the mean of the posteriors
    best = q.detach().mean(0).log().requires_grad_()
    VqLatent(q, best).kl().backward()
    assert prior.grad.abs().max() > 0.01 > 1e-6 > best.grad.abs().max()


def test_inference_decodes_the_usual_codes_or_those_it_is_given() -> None:
    module = act(vq=True, vq_class=2, vq_dim=3).eval()
    with torch.no_grad():
        module.posterior.prior[:] = torch.tensor([[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]])
    perception, state = torch.randn(1, 9, 16), torch.randn(1, 3)
    usual = torch.tensor([[[0.0, 1, 0], [1, 0, 0]]])
    found = module(perception, state)[0]
    assert torch.equal(found, module(perception, state, vq_sample=usual)[0])
    assert not torch.allclose(found, module(perception, state, vq_sample=usual.flip(-1))[0], atol=1e-5)


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
