"""Backbones, M/P channels, the two-stream encoder, flow fusion, role pooling and cross-camera attention."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet18

from saccade_training.backbones import CompactBackbone, ResNet18Backbone
from saccade_training.config import EDGES, ROLES, CamerasConfig, CameraSpec, ConfigError, MpConfig
from saccade_training.cross_attention import CrossCameraAttention, RolePooling, pooling_matrix
from saccade_training.flow_fusion import FLOW_FUSIONS
from saccade_training.mp import m_channels, p_channels
from saccade_training.spatial_broadcast import BroadcastFusion, spatial_broadcast
from saccade_training.stream_fusion import TOKEN_FUSIONS
from saccade_training.two_stream import TwoStreamEncoder, resized


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# -- backbones -------------------------------------------------------------------------------------


def test_the_compact_backbone_gives_the_same_at_training_and_at_inference() -> None:
    backbone = CompactBackbone((8, 16, 16), (2, 2, 1))
    x = noise(2, 3, 32, 32)
    found = backbone.train()(x)
    assert found.shape == (2, 16, 8, 8)
    assert torch.equal(found, backbone.eval()(x))
    assert torch.allclose(found[:1], backbone(x[:1]), atol=1e-6)  # nor do the samples of a batch mix


def test_resnet18_is_torchvisions_layer4_with_its_weights_and_frozen_norms(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = resnet18().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.8, 1.2)  # type: ignore[arg-type]
    torch.save(net.state_dict(), tmp_path / "resnet18.pth")
    backbone = ResNet18Backbone()
    backbone.load(str(tmp_path / "resnet18.pth"))
    x = noise(2, 3, 64, 96)
    expected = x
    for layer in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
        expected = getattr(net, layer)(expected)
    found = backbone.train()(x)
    assert found.shape == (2, 512, 2, 3)
    assert torch.allclose(found, expected, atol=1e-4)
    assert not any("bn" in name for name, _ in backbone.named_parameters())


def test_a_file_that_is_no_resnet18_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ConfigError, match=r"backbone\.weights names .*other\.pth, which does not hold"):
        ResNet18Backbone().load(str(tmp_path / "other.pth"))


# -- M and P channels ------------------------------------------------------------------------------


def test_m_is_what_changed_and_exactly_zero_when_nothing_did() -> None:
    before, now = torch.rand(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(m_channels(now, now.clone()), torch.zeros(1, 4, 8, 8))
    m = m_channels(before, now)
    r, g, b = (now - before).unbind(1)
    assert torch.equal(m[:, 1:], now - before)
    assert torch.allclose(m[:, 0], 0.299 * r + 0.587 * g + 0.114 * b)


def test_p_is_the_gradient_of_luminance_and_the_colours() -> None:
    ramp = torch.arange(8.0).expand(8, 8) / 10
    frame = torch.stack([ramp, 2 * ramp.T, torch.zeros(8, 8)])[None]
    p = p_channels(frame)
    assert torch.equal(p[:, 2:], frame)
    inside = p[:, :, 1:-1, 1:-1]
    assert torch.allclose(inside[:, 0], torch.tensor(0.299 * 0.1))
    assert torch.allclose(inside[:, 1], torch.tensor(0.587 * 0.2))


# -- the two streams -------------------------------------------------------------------------------


def two_streams(**options: object) -> TwoStreamEncoder:
    torch.manual_seed(0)
    return TwoStreamEncoder(32, 48, MpConfig(dim=16, heads=2, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("fusion", ["fc", "mlp", "attention", "gating"])
def test_patches_keep_their_place(fusion: str) -> None:
    encoder = two_streams(fusion=fusion)
    cls, patches = encoder(noise(2, 4, 32, 48), noise(2, 5, 32, 48))
    assert cls.shape == (2, 1, 16)
    assert patches is not None and patches.shape == (2, 16, 2, 3)
    fusion = encoder.aggregate.patch_fusion
    flat = fusion(*(x := (noise(2, 6, 16), noise(2, 6, 16, seed=1))), *x)
    swapped = fusion(*(y := tuple(t[:, [1, 0, 2, 3, 4, 5]] for t in x)), *y)
    assert torch.allclose(flat[:, [1, 0, 2, 3, 4, 5]], swapped, atol=1e-6)


@pytest.mark.parametrize("fusion", ["fc", "mlp", "gating"])
def test_pixelwise_mechanisms_read_one_location_only(fusion: str) -> None:
    module = TOKEN_FUSIONS[fusion](8, 2)
    m, p = noise(1, 4, 8), noise(1, 4, 8, seed=1)
    changed = m.clone()
    changed[:, 2] += 1
    same = (module(m, p, m, p) == module(changed, p, changed, p)).all(dim=-1)[0]
    assert same.tolist() == [True, True, False, True]


def test_gating_is_between_its_two_streams() -> None:
    m, p = noise(1, 4, 8), noise(1, 4, 8, seed=1)
    fused = TOKEN_FUSIONS["gating"](8, 2)(m, p, m, p)
    assert ((fused >= torch.minimum(m, p)) & (fused <= torch.maximum(m, p))).all()


def test_attention_is_the_average_of_both_directions() -> None:
    module = TOKEN_FUSIONS["attention"](8, 2)
    m, p = noise(1, 4, 8), noise(1, 4, 8, seed=1)
    m_sees = m + module.m_from_p(m, p, p)
    p_sees = p + module.p_from_m(p, m, m)
    assert torch.allclose(module(m, p, m, p), (m_sees + p_sees) / 2)


def test_shared_weights_are_one_module_and_separate_ones_two() -> None:
    shared, separate = (two_streams(weights=weights).aggregate for weights in ("shared", "separate"))
    assert shared.cls_fusion is shared.patch_fusion
    assert separate.cls_fusion is not separate.patch_fusion


def test_patches_are_embedded_as_the_convolution_does() -> None:
    encoder = TwoStreamEncoder(32, 48, MpConfig(patch=16, dim=8)).p_encoder
    frames = torch.rand(2, 5, 32, 48, generator=torch.Generator().manual_seed(7))
    by_convolution = encoder.embed(frames).flatten(2).transpose(1, 2)
    torch.testing.assert_close(encoder.embedded(frames), by_convolution, rtol=0, atol=1e-5)


def test_frames_that_do_not_divide_into_patches_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"mp\.patch is 16, which does not divide 40×32 px"):
        TwoStreamEncoder(32, 40, MpConfig())


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"aggregation": "averages"}, (2, 1, 64)),
        ({"aggregation": "averages_fc"}, (2, 1, 16)),
        ({"patches": "tokens"}, (2, 7, 16)),
        ({"aggregation": "all_patches"}, (2, 14, 16)),
    ],
)
def test_the_other_aggregations_give_tokens_alone(options: dict[str, str], shape: tuple[int, ...]) -> None:
    tokens, patches = two_streams(**options)(noise(2, 4, 32, 48), noise(2, 5, 32, 48))
    assert tokens.shape == shape
    assert patches is None


def test_averages_do_not_know_where_anything_is_and_patches_do() -> None:
    """Why the document prefers (C) and (D): what M's patches say, moved elsewhere, is the same to (A)."""
    m, p = noise(1, 7, 16), noise(1, 7, 16, seed=1)
    moved = torch.cat([m[:, :1], m[:, 1:].roll(1, dims=1)], dim=1)

    def aggregate(name: str, m: Tensor) -> Tensor:
        return two_streams(aggregation=name, patches="tokens").aggregate(m, p).tokens

    for name, same in (
        ("averages", True),
        ("averages_fc", True),
        ("pixelwise", False),
        ("all_patches", False),
    ):
        assert torch.allclose(aggregate(name, m), aggregate(name, moved), atol=1e-6) == same, name


def test_frames_of_another_size_take_the_positions_interpolated() -> None:
    encoder = two_streams().m_encoder
    assert encoder(noise(1, 4, 64, 16)).shape == (1, 1 + 4, 16)
    flat = torch.ones(1, 1 + 6, 16)
    assert torch.allclose(resized(flat, (2, 3), (5, 4)), torch.ones(1, 1 + 20, 16), atol=1e-5)
    assert torch.equal(resized(encoder.position, (2, 3), (2, 3))[:, :1], encoder.position[:, :1])


# -- spatial broadcast -----------------------------------------------------------------------------


def test_a_vector_is_tiled_over_the_grid() -> None:
    grid, vector = noise(3, 8, 8, 8), noise(3, 16, seed=1)
    joined = spatial_broadcast(grid, vector)
    assert joined.shape == (3, 24, 8, 8)
    assert torch.equal(joined[:, :8], grid)
    assert all(torch.equal(joined[:, 8:, y, x], vector) for y in range(8) for x in range(8))


def test_a_linear_probe_on_the_average_finds_the_vector() -> None:
    """The specification's quality test: MSE < 0.01 within 500 Adam steps, lr 0.01."""
    torch.manual_seed(0)
    grid, vector = noise(256, 8, 8, 8), noise(256, 16, seed=1)
    average = spatial_broadcast(grid, vector).mean(dim=(2, 3))  # [256, 24]
    probe = nn.Linear(24, 16)
    adam = torch.optim.Adam(probe.parameters(), lr=0.01)
    for _ in range(500):
        adam.zero_grad()
        F.mse_loss(probe(average), vector).backward()
        adam.step()
    unseen_grid, unseen = noise(256, 8, 8, 8, seed=2), noise(256, 16, seed=3)
    assert F.mse_loss(probe(spatial_broadcast(unseen_grid, unseen).mean(dim=(2, 3))), unseen) < 0.01
    # and it is the vector that is found: without it the probe knows nothing
    assert F.mse_loss(probe(spatial_broadcast(unseen_grid, 0 * unseen).mean(dim=(2, 3))), unseen) > 0.5


def test_broadcast_fusion_keeps_the_maps_shape_and_reads_both() -> None:
    module = BroadcastFusion(8, 3)
    grid, vector = noise(2, 8, 4, 5).requires_grad_(), noise(2, 3, seed=1).requires_grad_()
    fused = module(grid, vector)
    assert fused.shape == grid.shape
    fused.sum().backward()
    assert grid.grad is not None and grid.grad.abs().sum() > 0
    assert vector.grad is not None and vector.grad.abs().sum() > 0


# -- flow fusion -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FLOW_FUSIONS)
@pytest.mark.parametrize("flow", [6, 8])
def test_flow_fusion_keeps_the_image_maps_shape_and_reads_both(name: str, flow: int) -> None:
    torch.manual_seed(0)
    module = FLOW_FUSIONS[name](8, flow)
    image, motion = noise(2, 8, 3, 4).requires_grad_(), noise(2, flow, 3, 4, seed=1).requires_grad_()
    fused = module(image, motion)
    assert fused.shape == image.shape
    fused.sum().backward()
    assert image.grad is not None and image.grad.abs().sum() > 0
    assert motion.grad is not None and motion.grad.abs().sum() > 0


def test_alpha_fusion_is_a_gated_sum() -> None:
    module = FLOW_FUSIONS["alpha"](8, 8)
    image, flow = noise(2, 8, 3, 4), noise(2, 8, 3, 4, seed=1)
    fused = module(image, flow)
    assert ((fused >= torch.minimum(image, flow)) & (fused <= torch.maximum(image, flow))).all()


# -- role pooling ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "grid"), [((12, 12), 6), ((15, 20), 6), ((7, 5), 4), ((3, 3), 2), ((2, 3), 4)]
)
def test_the_pooling_matrix_is_adaptive_average_pooling(size: tuple[int, int], grid: int) -> None:
    x = noise(2, 3, *size)
    found = (x.flatten(2) @ pooling_matrix(*size, grid)).unflatten(2, (grid, grid))
    assert torch.allclose(found, F.adaptive_avg_pool2d(x, grid), atol=1e-6)


def test_saliency_starts_out_as_the_average_and_can_then_select() -> None:
    pool = RolePooling(8, 8, (6, 6), 2, CamerasConfig(pooling="saliency"))
    x = noise(2, 8, 6, 6)
    assert torch.allclose(pool._pool(x).unflatten(2, (2, 2)), F.adaptive_avg_pool2d(x, 2), atol=1e-6)
    assert pool.saliency is not None
    with torch.no_grad():
        pool.saliency.weight[:, 0] = 100  # where the first channel is high, clamped to e⁸
    x = torch.zeros(1, 8, 6, 6)
    x[0, 0] = -1
    x[0, :, 1, 1] = 1  # one salient position in the first cell
    assert pool._pool(x)[0, 1, 0].item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("mode", "cells"), [("spatial", 16), ("pooled", 1)])
def test_a_role_gives_a_token_a_cell_or_one_in_all(mode: str, cells: int) -> None:
    pool = RolePooling(8, 12, (6, 6), 4, CamerasConfig(mode=mode))  # type: ignore[arg-type]
    assert pool(noise(2, 8, 6, 6)).shape == (2, cells, 12)


# -- cross-camera attention ------------------------------------------------------------------------


CAMERAS = [CameraSpec(role, role, 32, 32) for role in ROLES]  # named after their roles
# query: the roles it attends to, in the order their features are concatenated
SEEN: dict[str, list[str]] = {}
for edge in EDGES:
    SEEN.setdefault(edge.split("_from_")[0], []).append(edge.split("_from_")[1])


def cross(mode: str = "spatial") -> tuple[CrossCameraAttention, dict[str, Tensor]]:
    torch.manual_seed(0)
    module = CrossCameraAttention(CAMERAS, 16, CamerasConfig(mode=mode, heads=2)).eval()  # type: ignore[arg-type]
    cells = {"wrist_detail": 36, "wrist_context": 16, "global_overview": 4}
    return module, {
        role: noise(2, n if mode == "spatial" else 1, 16, seed=i) for i, (role, n) in enumerate(cells.items())
    }


def perturb(module: nn.Module) -> None:
    with torch.no_grad():
        for p in module.parameters():
            p += 0.5 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel()))


def changed_roles(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {role for role in ROLES if not torch.equal(before[role], after[role])}


def test_the_edges_are_the_documents() -> None:
    assert SEEN == {
        "wrist_detail": ["global_overview", "wrist_context"],
        "wrist_context": ["global_overview", "wrist_detail"],
        "global_overview": ["wrist_detail", "wrist_context"],
    }
    assert cross()[0].sources == SEEN


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_its_own_layer_norm(role: str) -> None:
    module, tokens = cross()
    before, _ = module(tokens)
    perturb(module.norms[role])
    after, _ = module(tokens)
    assert changed_roles(before, after) == {role}


@pytest.mark.parametrize(("query", "key"), [edge.split("_from_") for edge in EDGES])
def test_each_directed_edge_has_its_own_module_named_query_from_key(query: str, key: str) -> None:
    module, tokens = cross()
    assert len({id(p) for edge in module.edges.values() for p in edge.parameters()}) == 6 * 8
    before, weights = module(tokens)
    perturb(module.edges[f"{query}_from_{key}"])
    after, weights_after = module(tokens)
    assert changed_roles(before, after) == {query}
    assert [e for e in weights if not torch.equal(weights[e], weights_after[e])] == [f"{query}_from_{key}"]


@pytest.mark.parametrize(("query", "keys"), SEEN.items())
def test_a_role_sees_the_two_others_and_the_attended_come_from_the_named_camera(
    query: str, keys: list[str]
) -> None:
    module, tokens = cross()
    _, before = module(tokens)
    for key in keys:
        _, after = module({**tokens, key: tokens[key] + noise(*tokens[key].shape, seed=9)})
        assert not torch.equal(before[f"{query}_from_{key}"], after[f"{query}_from_{key}"])
        other = next(k for k in keys if k != key)
        assert torch.equal(before[f"{query}_from_{other}"], after[f"{query}_from_{other}"])


def test_a_pooled_cameras_attention_is_always_exactly_one() -> None:
    module, tokens = cross("pooled")
    fused, weights = module(tokens)
    assert all(torch.equal(w, torch.ones(2, 1, 1)) for w in weights.values())
    sum(x.sum() for x in fused.values()).backward()
    # so its queries and keys can learn nothing: the reason why `spatial` is the default
    for edge in module.edges.values():
        assert edge.query.weight.grad.abs().max() == 0
        assert edge.key.weight.grad.abs().max() == 0


def test_a_spatial_cameras_attention_selects_where() -> None:
    module, tokens = cross("spatial")
    _, weights = module(tokens)
    cells = {role: x.shape[1] for role, x in tokens.items()}
    for edge, weight in weights.items():
        query, key = edge.split("_from_")
        assert weight.shape == (2, cells[query], cells[key])
        assert torch.allclose(weight.sum(dim=-1), torch.ones(2, cells[query]), atol=1e-5)
        assert weight.std(dim=-1).min() > 1e-4
