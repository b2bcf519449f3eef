"""ClassicAct as it is exported: the same function of one observation, in the form that runs fastest.

What does not depend on the observation is computed once: batch norms go into the convolutions before them,
the latent 0 becomes its token, and the first half of the decoder's first layer, which sees the queries alone,
becomes a constant. The rest is written the way ONNX Runtime's CPU kernels like it (docs/lerobot.md, Speed).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.ops import FrozenBatchNorm2d

from .classic_act import Attention, ClassicAct, DecoderLayer, EncoderLayer, grid_position
from .winograd import WinogradBlock, WinogradConv, suits


class InferenceAct(nn.Module):
    """Normalised images [cameras, 3, H, W] and state [1, S] → normalised actions [1, K, A].

    Tokens have no batch dimension: [N, d]. ONNX Runtime would otherwise fuse each sum and the LayerNorm after
    it into an operator that takes several times as long.
    """

    latent: Tensor
    position: Tensor
    rows: Tensor

    def __init__(self, act: ClassicAct, height: int, width: int, winograd: bool = True) -> None:
        """winograd: `WinogradConv` where that is faster on a CPU; a GPU's kernels choose for themselves."""
        super().__init__()
        cameras = act.features.cameras
        if not cameras or not act.features.robot_state or act.features.environment_state:
            raise ValueError("this form is for cameras and the robot's state, and nothing else")
        self.act = act = copy.deepcopy(act).eval()
        with torch.no_grad():
            fold_norms(act.backbone)
            size, inputs = trace(act.backbone, torch.zeros(cameras, 3, height, width))
            if winograd:
                use_winograd(act.backbone, inputs)
            place = grid_position(size[0], size[1], act.config.dim_model)
            vectors = act.encoder_1d_feature_pos_embed.weight
            queries = act.decoder_pos_embed.weight[None]
            first = cast(DecoderLayer, act.decoder.layers[0])
            rows = first.attend_to_rows(torch.zeros_like(queries), queries)[0]
            latent = act.encoder_latent_input_proj(torch.zeros(1, act.config.latent_dim))
        self.register_buffer("latent", latent)  # [1, d]
        self.register_buffer("position", torch.cat([vectors, *[place] * cameras]))  # [N, d]
        self.register_buffer("rows", rows)  # [K, d]

    def forward(self, images: Tensor, state: Tensor) -> Tensor:
        act = self.act
        x = act.encoder_img_feat_input_proj(act.backbone(images)["feature_map"])  # [cameras, d, h, w]
        x = x.permute(0, 2, 3, 1).flatten(0, 2)  # [cameras·h·w, d]
        x = torch.cat([self.latent, act.encoder_robot_state_input_proj(state), x])  # [N, d]
        for layer in cast(Iterable[EncoderLayer], act.encoder.layers):
            x = encode(layer, x, self.position)
        memory = act.encoder.norm(x)
        queries, y = act.decoder_pos_embed.weight, self.rows  # [K, d]
        for i, decoder in enumerate(cast(Iterable[DecoderLayer], act.decoder.layers)):
            if i > 0:
                y = decoder.attend_to_rows(y[None], queries[None])[0]
            y = decode(decoder, y, queries, memory, self.position)
        return act.action_head(act.decoder.norm(y))[None]


def encode(layer: EncoderLayer, x: Tensor, position: Tensor) -> Tensor:
    """EncoderLayer.forward, [N, d] → [N, d]."""
    y = layer.norm1(x) if layer.pre_norm else x
    placed = y + position
    x = x + attend(layer.self_attn, placed, placed, y)
    if not layer.pre_norm:
        x = layer.norm1(x)
    x = x + feed(layer, layer.norm2(x) if layer.pre_norm else x)
    return x if layer.pre_norm else layer.norm2(x)


def decode(layer: DecoderLayer, x: Tensor, queries: Tensor, memory: Tensor, position: Tensor) -> Tensor:
    """DecoderLayer.attend_to_memory, rows [K, d] and memory [N, d] → [K, d]."""
    y = layer.norm2(x) if layer.pre_norm else x
    x = x + attend(layer.multihead_attn, y + queries, memory + position, memory)
    if not layer.pre_norm:
        x = layer.norm2(x)
    x = x + feed(layer, layer.norm3(x) if layer.pre_norm else x)
    return x if layer.pre_norm else layer.norm3(x)


def attend(attention: Attention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention.forward, [Q, d] and [N, d] → [Q, d]."""
    weights, biases = attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3)
    q, k, v = (F.linear(x, w, b)[None] for x, w, b in zip((query, key, value), weights, biases, strict=True))
    # flattened, as an index would be a copy
    return attention.out_proj(FusedAttention.apply(q, k, v, attention.heads).flatten(0, 1))


class FusedAttention(torch.autograd.Function):
    """softmax(q kᵀ / √(d/heads)) v of each head, exported as ONNX Runtime's own operator.

    It never writes the [heads, Q, N] scores to memory.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
        # [1, Q, d], [1, N, d], [1, N, d] → [1, Q, d]
        q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)

    @staticmethod
    def symbolic(g: Any, q: Any, k: Any, v: Any, heads: int) -> Any:
        return g.op("com.microsoft::MultiHeadAttention", q, k, v, num_heads_i=heads).setType(q.type())


def feed(layer: EncoderLayer | DecoderLayer, x: Tensor) -> Tensor:
    """The feed-forward part, [N, d] → [N, d], as convolutions 1×1: their kernel is the faster one."""
    n, d = x.shape
    # In halves, as a thread's share of the tokens then stays in its cache, and turned as images are,
    # [2, N/2, 1, d] → [2, d, N/2, 1], which the kernel's own layout takes in without a copy.
    parts = 2 if n % 2 == 0 else 1
    y = x.reshape(parts, n // parts, 1, d).permute(0, 3, 1, 2)
    y = layer.activation(F.conv2d(y, layer.linear1.weight[:, :, None, None], layer.linear1.bias))
    y = F.conv2d(y, layer.linear2.weight[:, :, None, None], layer.linear2.bias)
    return y.permute(0, 2, 3, 1).reshape(n, d)


def fold_norms(backbone: nn.Module) -> None:
    """Folds every batch norm of a ResNet into the convolution before it, in place."""
    blocks = [m for m in backbone.modules() if isinstance(m, (BasicBlock, Bottleneck))]
    for block in [backbone, *blocks]:
        for i in (1, 2, 3):
            if hasattr(block, f"bn{i}"):
                setattr(block, f"conv{i}", folded(getattr(block, f"conv{i}"), getattr(block, f"bn{i}")))
                setattr(block, f"bn{i}", nn.Identity())
        if getattr(block, "downsample", None) is not None:
            block.downsample = folded(*block.downsample)  # type: ignore[misc, assignment]


def folded(conv: nn.Conv2d, norm: FrozenBatchNorm2d) -> nn.Conv2d:
    scale = norm.weight.double() * (norm.running_var.double() + norm.eps).rsqrt()
    fused = copy.deepcopy(conv)
    fused.weight = nn.Parameter((conv.weight.double() * scale[:, None, None, None]).float())
    fused.bias = nn.Parameter((norm.bias.double() - norm.running_mean.double() * scale).float())
    return fused


def trace(backbone: nn.Module, images: Tensor) -> tuple[torch.Size, dict[nn.Module, torch.Size]]:
    """The size (h, w) of a ResNet's map of `images`, and the shape of each convolution's input."""
    inputs: dict[nn.Module, torch.Size] = {}
    hooks = [
        m.register_forward_hook(lambda m, args, _: inputs.__setitem__(m, args[0].shape))
        for m in backbone.modules()
        if isinstance(m, nn.Conv2d)
    ]
    size = backbone(images)["feature_map"].shape[-2:]
    for hook in hooks:
        hook.remove()
    return size, inputs


def use_winograd(backbone: nn.Module, inputs: dict[nn.Module, torch.Size]) -> None:
    """Exchanges the convolutions that are faster so, in place."""
    for parent in list(backbone.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d) and suits(child, inputs[child]):
                setattr(parent, name, WinogradConv(child, inputs[child]))
    for parent in list(backbone.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, BasicBlock) and isinstance(child.conv2, WinogradConv):
                setattr(parent, name, WinogradBlock(child))
