"""The original ACT: LeRobot's names and shapes, gradients, masks, and the exported form against it."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock
from torchvision.ops import FrozenBatchNorm2d

from saccade_training.classic_act import (
    Attention,
    ClassicAct,
    ClassicActConfig,
    ClassicActFeatures,
    grid_position,
)
from saccade_training.config import ConfigError
from saccade_training.inference_act import InferenceAct, trace
from saccade_training.winograd import SIZES, WinogradBlock, WinogradConv, suits, transforms

SMALL = ClassicActConfig(
    chunk_size=5,
    dim_model=16,
    n_heads=2,
    dim_feedforward=24,
    n_encoder_layers=2,
    n_decoder_layers=1,
    latent_dim=4,
    n_vae_encoder_layers=1,
    dropout=0.0,
)


def small(features: ClassicActFeatures, seed: int = 0, **options: Any) -> ClassicAct:
    torch.manual_seed(seed)
    act = ClassicAct(replace(SMALL, **options), features)
    unsettle(act)
    return act


def unsettle(act: ClassicAct) -> None:
    """Values a trained network has: batch norms that do something, biases that are not 0."""
    for module in act.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(0, 0.1)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    with torch.no_grad():
        for name, p in act.named_parameters():
            if name.endswith("bias"):
                p.normal_(0, 0.1)


# -- names and shapes --------------------------------------------------------------------------------


def test_names_and_shapes_are_lerobots() -> None:
    with torch.device("meta"):  # shapes without values: at this size they take seconds to draw
        act = ClassicAct(ClassicActConfig(), ClassicActFeatures(14, 14, cameras=3))
    shapes = {key: tuple(value.shape) for key, value in act.state_dict().items()}
    expected = {
        "vae_encoder_pos_enc": (1, 102, 512),
        "vae_encoder.layers.3.self_attn.in_proj_weight": (1536, 512),
        "vae_encoder_cls_embed.weight": (1, 512),
        "vae_encoder_robot_state_input_proj.weight": (512, 14),
        "vae_encoder_action_input_proj.weight": (512, 14),
        "vae_encoder_latent_output_proj.weight": (64, 512),
        "backbone.conv1.weight": (64, 3, 7, 7),
        "backbone.bn1.running_var": (64,),
        "backbone.layer4.1.bn2.weight": (512,),
        "backbone.layer4.0.downsample.0.weight": (512, 256, 1, 1),
        "encoder.layers.3.self_attn.in_proj_bias": (1536,),
        "encoder.layers.3.self_attn.out_proj.weight": (512, 512),
        "encoder.layers.3.linear1.weight": (3200, 512),
        "encoder.layers.3.norm2.bias": (512,),
        "decoder.layers.0.multihead_attn.out_proj.bias": (512,),
        "decoder.layers.0.norm3.weight": (512,),
        "decoder.norm.weight": (512,),
        "encoder_robot_state_input_proj.weight": (512, 14),
        "encoder_latent_input_proj.weight": (512, 32),
        "encoder_img_feat_input_proj.weight": (512, 512, 1, 1),
        "encoder_1d_feature_pos_embed.weight": (2, 512),
        "decoder_pos_embed.weight": (100, 512),
        "action_head.weight": (14, 512),
    }
    assert {key: shapes.get(key) for key in expected} == expected
    assert not any(key.startswith(("backbone.fc", "encoder.norm")) for key in shapes)


@pytest.mark.parametrize(
    ("backbone", "dilated", "channels", "side"),
    [
        ("resnet18", False, 512, 2),
        ("resnet34", False, 512, 2),
        ("resnet50", False, 2048, 2),
        ("resnet50", True, 2048, 4),
    ],
)
def test_backbones(backbone: Any, dilated: bool, channels: int, side: int) -> None:
    act = small(
        ClassicActFeatures(3, 3, cameras=2),
        vision_backbone=backbone,
        replace_final_stride_with_dilation=dilated,
    ).eval()
    assert act.encoder_img_feat_input_proj.in_channels == channels
    tokens, size = act.see([torch.rand(1, 3, 64, 64)] * 2)
    assert size == (side, side)
    assert tokens.shape == (1, 2 * side * side, 16)


FEATURES = [
    ClassicActFeatures(3, 4, cameras=2),
    ClassicActFeatures(3, 4, 5, cameras=1),
    ClassicActFeatures(3, 0, 5),
    ClassicActFeatures(3, 0, cameras=1),
]
NORMS = list(product((False, True), ("relu", "gelu")))


# each combination of inputs with half of the norms and activations, so that each of these is there twice
@pytest.mark.parametrize(
    ("features", "pre_norm", "activation"),
    [(features, *NORMS[(i + k) % 4]) for i, features in enumerate(FEATURES) for k in (0, 3)],
)
def test_every_combination_of_inputs_learns(
    features: ClassicActFeatures, pre_norm: bool, activation: str
) -> None:
    act = small(features, pre_norm=pre_norm, feedforward_activation=activation, n_decoder_layers=2)
    images = [torch.rand(2, 3, 64, 64) for _ in range(features.cameras)]
    state = torch.randn(2, features.robot_state) if features.robot_state else None
    environment = torch.randn(2, features.environment_state) if features.environment_state else None
    is_pad = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    y, mu, logvar = act(images, state, environment, torch.randn(2, 5, 3), is_pad)
    assert y.shape == (2, 5, 3)
    assert mu is not None and logvar is not None
    assert mu.shape == logvar.shape == (2, 4)
    (y.square().sum() + mu.square().sum() + logvar.square().sum()).backward()
    untouched = [n for n, p in act.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    # the decoder begins with zeros, whose LayerNorm is its bias
    assert untouched == (["decoder.layers.0.norm1.weight"] if pre_norm else [])
    with torch.no_grad():
        act.eval()
        plain = act(images, state, environment)
    assert plain[0].shape == (2, 5, 3)
    assert plain[1] is plain[2] is None


def test_the_latent_is_0_at_inference() -> None:
    act = small(ClassicActFeatures(3, 3, cameras=1)).eval()
    images, state = [torch.rand(1, 3, 64, 64)], torch.randn(1, 3)
    with torch.no_grad():
        first = act(images, state)[0]
        act.encoder_latent_input_proj.weight.mul_(100)  # what a latent of 0 does not see
        assert torch.equal(act(images, state)[0], first)


def test_padded_actions_do_not_reach_the_posterior() -> None:
    act = small(ClassicActFeatures(3, 3, cameras=1)).eval()
    state, actions = torch.randn(2, 3), torch.randn(2, 5, 3)
    is_pad = torch.tensor([[False] * 3 + [True] * 2] * 2)
    other = actions.clone()
    other[:, 3:] += 10
    with torch.no_grad():
        a, b = act.posterior(state, actions, is_pad), act.posterior(state, other, is_pad)
        c = act.posterior(state, other, torch.zeros_like(is_pad))
    assert torch.equal(a[0], b[0])
    assert not torch.allclose(a[0], c[0], atol=1e-3)


def test_attention_is_pytorchs() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(SMALL), nn.MultiheadAttention(16, 2, batch_first=True)
    theirs.load_state_dict(ours.state_dict())
    q, k, v = torch.randn(2, 4, 16), torch.randn(2, 6, 16), torch.randn(2, 6, 16)
    padding = torch.tensor([[False] * 6, [False] * 4 + [True] * 2])
    expected = theirs(q, k, v, key_padding_mask=padding)[0]
    torch.testing.assert_close(ours(q, k, v, padding), expected, atol=1e-6, rtol=0)


def test_the_grids_encoding_counts_from_1_to_2_pi() -> None:
    table = grid_position(3, 4, 16).view(3, 4, 16)
    assert torch.allclose(table[2, :, 0], torch.tensor(2 * math.pi).sin(), atol=1e-5)
    assert torch.allclose(table[0, :, 0], torch.tensor(2 * math.pi / 3).sin(), atol=1e-5)
    assert torch.allclose(table[:, 1, 8], torch.tensor(math.pi).sin(), atol=1e-5)
    assert torch.allclose(table[:, 1, 9], torch.tensor(math.pi).cos(), atol=1e-5)
    # the third pair of channels turns 10000^(2·1/8) times slower
    assert torch.allclose(table[1, 0, 2], torch.tensor(2 * math.pi * 2 / 3 / 10).sin(), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim_model": 18, "n_heads": 4}, "dim_model is 18: give a multiple of n_heads, 4, and of 4"),
        ({"chunk_size": 0}, "chunk_size is 0"),
        ({"replace_final_stride_with_dilation": True}, "needs vision_backbone resnet50, not resnet18"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(SMALL, **options)


def test_without_anything_to_see_it_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one camera or the environment's state"):
        ClassicActFeatures(3, 3)


# -- the exported form -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pre_norm": True, "n_decoder_layers": 2},
        {"feedforward_activation": "gelu", "use_vae": False, "n_decoder_layers": 2},
        {"vision_backbone": "resnet50"},
    ],
)
def test_the_exported_form_is_the_same_function(options: dict[str, Any]) -> None:
    act = small(ClassicActFeatures(3, 3, cameras=2), **options).eval()
    exported = InferenceAct(act, 96, 64)
    images, state = torch.randn(2, 3, 96, 64), torch.randn(1, 3)
    with torch.no_grad():
        expected = act(list(images[:, None]), state)[0]
        torch.testing.assert_close(exported(images, state), expected, atol=1e-5, rtol=1e-5)
        assert expected.std() > 0.01


def test_the_exported_form_leaves_the_network_alone() -> None:
    act = small(ClassicActFeatures(3, 3, cameras=1)).eval()
    before = {key: value.clone() for key, value in act.state_dict().items()}
    InferenceAct(act, 64, 64)
    after = act.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_winograd_takes_its_place_where_it_is_faster_and_only_there() -> None:
    def chosen(height: int, width: int) -> list[str]:
        with torch.device("meta"):  # what is chosen depends on shapes alone
            backbone = small(ClassicActFeatures(3, 3, cameras=3)).eval().backbone
            inputs = trace(backbone, torch.zeros(3, 3, height, width))[1]
        return [name for name, m in backbone.named_modules() if m in inputs and suits(m, inputs[m])]  # type: ignore[arg-type]

    third = ["layer3.0.conv2", "layer3.1.conv1", "layer3.1.conv2"]
    fourth = [name.replace("layer3", "layer4") for name in third]
    assert chosen(480, 640) == third + fourth
    assert chosen(224, 224) == third  # three maps of 7×7 are 147 positions


def test_winograd_leaves_the_function_as_it_is() -> None:
    act = small(ClassicActFeatures(3, 3, cameras=3)).eval()
    images, state = torch.randn(3, 3, 210, 250), torch.randn(1, 3)
    forms = [InferenceAct(act, 210, 250, winograd=winograd) for winograd in (True, False)]
    counts = [sum(isinstance(m, WinogradConv) for m in form.modules()) for form in forms]
    assert counts == [3, 0]
    with torch.no_grad():
        expected = act(list(images[:, None]), state)[0]
        for form in forms:
            torch.testing.assert_close(form(images, state), expected, atol=1e-5, rtol=1e-5)


# -- Winograd ----------------------------------------------------------------------------------------


def conv(c: int, k: int, bias: bool = True, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(c, k, **{"kernel_size": 3, "padding": 1, **options}, bias=bias).requires_grad_(False)


@pytest.mark.parametrize("m", SIZES)
def test_winograd_transforms_are_those_of_a_correlation(m: int) -> None:
    a, b, g = transforms(m)
    d, taps = torch.randn(m + 2, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    expected = torch.stack([d[i : i + 3] @ taps for i in range(m)])
    torch.testing.assert_close(a @ ((g @ taps) * (b @ d)), expected, atol=1e-11, rtol=0)


@pytest.mark.parametrize(("stride", "height", "width"), [(1, 14, 14), (1, 17, 23), (2, 15, 20), (2, 22, 11)])
def test_winograd_block_is_the_residual_block(stride: int, height: int, width: int) -> None:
    down = conv(8, 12, kernel_size=1, padding=0, stride=2) if stride == 2 else None
    block = BasicBlock(8, 12 if down else 8, stride, down, norm_layer=lambda _: nn.Identity()).eval()
    x = torch.randn(2, 8, height, width)
    with torch.no_grad():
        expected = block(x)
        for name in ("conv1", "conv2") if stride == 1 else ("conv2",):
            direct = getattr(block, name)
            setattr(
                block, name, WinogradConv(direct, torch.Size((2, direct.in_channels, *expected.shape[2:])))
            )
        torch.testing.assert_close(WinogradBlock(block)(x), expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("seed", range(12))
def test_winograd_is_the_convolution_whatever_the_size(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    n, h, w, c, k = (int(torch.randint(1, high, (), generator=rng)) for high in (4, 20, 20, 9, 9))
    torch.manual_seed(seed)
    direct, x = conv(c, k, bias=seed % 3 > 0), torch.randn(n, c, h, w)
    found = WinogradConv(direct, x.shape)(x)
    torch.testing.assert_close(found, direct(x), atol=2e-5, rtol=1e-4)


def test_winograd_is_as_exact_as_float32_allows() -> None:
    torch.manual_seed(0)
    direct, x = conv(256, 256), torch.randn(2, 256, 30, 40)
    exact = conv(256, 256).double()
    exact.load_state_dict({key: value.double() for key, value in direct.state_dict().items()})
    expected = exact(x.double())
    error = (WinogradConv(direct, x.shape)(x).double() - expected).abs().max() / expected.abs().max()
    assert error < 3e-5


@pytest.mark.parametrize(
    ("changed", "maps"),
    [
        ({"stride": 2}, (3, 256, 30, 40)),
        ({"dilation": 2, "padding": 2}, (3, 256, 30, 40)),
        ({"kernel_size": 1, "padding": 0}, (3, 256, 30, 40)),
        ({"groups": 2}, (3, 256, 30, 40)),
        ({}, (1, 256, 15, 20)),  # 300 positions
        ({}, (300, 256, 1, 2)),  # nearly all of a block is thrown away
    ],
)
def test_winograd_declines(changed: dict[str, Any], maps: tuple[int, ...]) -> None:
    assert suits(conv(256, 256), torch.Size((3, 256, 30, 40)))
    assert not suits(conv(256, 256, **changed), torch.Size(maps))
    assert not suits(conv(128, 256), torch.Size((3, 128, 60, 80)))
