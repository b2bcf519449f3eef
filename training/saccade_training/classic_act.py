"""ACT as it was published (Zhao et al. 2023), laid out and named as LeRobot's `ACTPolicy.model`.

Checkpoints of LeRobot load here key for key. Per camera a ResNet's map, every position of it a token; beside
them the latent and the states; one encoder over all tokens, and a decoder whose queries are the chunk's rows.

`ClassicAct` is the network between normalised inputs and normalised actions. What a checkpoint says about
normalisation is lerobot_pipeline.py's; a bundle is made of both in import_lerobot.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.ops import FrozenBatchNorm2d

from .config import ConfigError
from .transformer import sinusoid_1d

Backbone = Literal["resnet18", "resnet34", "resnet50"]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


@dataclass(frozen=True)
class ClassicActConfig:
    """LeRobot's keys and defaults, those that shape the network."""

    chunk_size: int = 100
    vision_backbone: Backbone = "resnet18"
    replace_final_stride_with_dilation: bool = False
    pre_norm: bool = False
    dim_model: int = 512
    n_heads: int = 8
    dim_feedforward: int = 3200
    feedforward_activation: Literal["relu", "gelu"] = "relu"
    n_encoder_layers: int = 4
    n_decoder_layers: int = 1  # the original says 7 and uses the first alone (tonyzhaozh/act#25)
    use_vae: bool = True
    latent_dim: int = 32
    n_vae_encoder_layers: int = 4
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for key in ("dim_model", "n_heads", "chunk_size", "dim_feedforward", "latent_dim"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key} is {getattr(self, key)}: give a value ≥ 1")
        if self.dim_model % self.n_heads or self.dim_model % 4:
            raise ConfigError(
                f"dim_model is {self.dim_model}: give a multiple of n_heads, {self.n_heads}, and of 4"
            )
        if self.replace_final_stride_with_dilation and self.vision_backbone != "resnet50":
            raise ConfigError(
                "replace_final_stride_with_dilation needs vision_backbone resnet50, not "
                f"{self.vision_backbone}: torchvision's smaller ones cannot be dilated"
            )


@dataclass(frozen=True)
class ClassicActFeatures:
    """What the network is fed and what it gives: sizes of vectors, number of cameras. 0: there is none."""

    action: int
    robot_state: int = 0
    environment_state: int = 0
    cameras: int = 0

    def __post_init__(self) -> None:
        if not self.cameras and not self.environment_state:
            raise ConfigError("ACT needs at least one camera or the environment's state among its inputs")


class Attention(nn.Module):
    """Multi-head attention with the parameters of nn.MultiheadAttention."""

    def __init__(self, config: ClassicActConfig) -> None:
        super().__init__()
        d = config.dim_model
        self.heads, self.dropout = config.n_heads, config.dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * d, d))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * d))
        self.out_proj = nn.Linear(d, d)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None = None) -> Tensor:
        # query [B, Q, d], key and value [B, N, d], padding [B, N] true where a key does not count → [B, Q, d]
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (
            F.linear(x, w, b).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, heads, ., d/heads]
            for x, w, b in zip((query, key, value), weights, biases, strict=True)
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])  # [B, heads, Q, N]
        if padding is not None:
            scores = scores.masked_fill(padding[:, None, None, :], float("-inf"))
        y = F.dropout(scores.softmax(-1), self.dropout, self.training) @ v
        return self.out_proj(y.transpose(1, 2).flatten(2))


class EncoderLayer(nn.Module):
    def __init__(self, config: ClassicActConfig) -> None:
        super().__init__()
        d = config.dim_model
        self.pre_norm = config.pre_norm
        self.activation = ACTIVATIONS[config.feedforward_activation]
        self.self_attn = Attention(config)
        self.linear1, self.linear2 = (
            nn.Linear(d, config.dim_feedforward),
            nn.Linear(config.dim_feedforward, d),
        )
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.dropout = nn.Dropout(config.dropout)
        self.dropout1, self.dropout2 = nn.Dropout(config.dropout), nn.Dropout(config.dropout)

    def forward(self, x: Tensor, position: Tensor, padding: Tensor | None = None) -> Tensor:
        # x [B, N, d]; position [B or 1, N, d] joins queries and keys at every layer
        y = self.norm1(x) if self.pre_norm else x
        placed = y + position
        x = x + self.dropout1(self.self_attn(placed, placed, y, padding))
        if not self.pre_norm:
            x = self.norm1(x)
        y = self.norm2(x) if self.pre_norm else x
        x = x + self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(y)))))
        return x if self.pre_norm else self.norm2(x)


class Encoder(nn.Module):
    def __init__(self, config: ClassicActConfig, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(layers))
        self.norm = nn.LayerNorm(config.dim_model) if config.pre_norm else nn.Identity()

    def forward(self, x: Tensor, position: Tensor, padding: Tensor | None = None) -> Tensor:
        for layer in self.layers:
            x = layer(x, position, padding)
        return self.norm(x)


class DecoderLayer(nn.Module):
    def __init__(self, config: ClassicActConfig) -> None:
        super().__init__()
        d = config.dim_model
        self.pre_norm = config.pre_norm
        self.activation = ACTIVATIONS[config.feedforward_activation]
        self.self_attn, self.multihead_attn = Attention(config), Attention(config)
        self.linear1, self.linear2 = (
            nn.Linear(d, config.dim_feedforward),
            nn.Linear(config.dim_feedforward, d),
        )
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(d), nn.LayerNorm(d), nn.LayerNorm(d)
        self.dropout = nn.Dropout(config.dropout)
        self.dropout1, self.dropout2 = nn.Dropout(config.dropout), nn.Dropout(config.dropout)
        self.dropout3 = nn.Dropout(config.dropout)

    def attend_to_rows(self, x: Tensor, queries: Tensor) -> Tensor:
        """The first half, which does not see the observation. x [B, K, d], queries [1, K, d] → [B, K, d]."""
        y = self.norm1(x) if self.pre_norm else x
        x = x + self.dropout1(self.self_attn(y + queries, y + queries, y))
        return x if self.pre_norm else self.norm1(x)

    def attend_to_memory(self, x: Tensor, queries: Tensor, memory: Tensor, position: Tensor) -> Tensor:
        """The rest. memory [B, N, d], position [B or 1, N, d] of its tokens."""
        y = self.norm2(x) if self.pre_norm else x
        x = x + self.dropout2(self.multihead_attn(y + queries, memory + position, memory))
        if not self.pre_norm:
            x = self.norm2(x)
        y = self.norm3(x) if self.pre_norm else x
        x = x + self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(y)))))
        return x if self.pre_norm else self.norm3(x)

    def forward(self, x: Tensor, queries: Tensor, memory: Tensor, position: Tensor) -> Tensor:
        return self.attend_to_memory(self.attend_to_rows(x, queries), queries, memory, position)


class Decoder(nn.Module):
    def __init__(self, config: ClassicActConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.n_decoder_layers))
        self.norm = nn.LayerNorm(config.dim_model)

    def forward(self, x: Tensor, queries: Tensor, memory: Tensor, position: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x, queries, memory, position)
        return self.norm(x)


class ClassicAct(nn.Module):
    """Normalised images and states → normalised actions [B, K, A]; mu and logvar, [B, latent], in training.

    At inference (no actions given) the latent is 0.
    """

    vae_encoder_pos_enc: Tensor

    def __init__(self, config: ClassicActConfig, features: ClassicActFeatures) -> None:
        super().__init__()
        d = config.dim_model
        self.config, self.features = config, features
        vectors = 1 + bool(features.robot_state) + bool(features.environment_state)
        if config.use_vae:
            self.vae_encoder = Encoder(config, config.n_vae_encoder_layers)
            self.vae_encoder_cls_embed = nn.Embedding(1, d)
            if features.robot_state:
                self.vae_encoder_robot_state_input_proj = nn.Linear(features.robot_state, d)
            self.vae_encoder_action_input_proj = nn.Linear(features.action, d)
            self.vae_encoder_latent_output_proj = nn.Linear(d, 2 * config.latent_dim)
            tokens = 1 + bool(features.robot_state) + config.chunk_size
            self.register_buffer("vae_encoder_pos_enc", sinusoid_1d(tokens, d)[None])
        if features.cameras:
            net = getattr(torchvision.models, config.vision_backbone)(
                replace_stride_with_dilation=[False, False, config.replace_final_stride_with_dilation],
                norm_layer=FrozenBatchNorm2d,
            )
            self.backbone = IntermediateLayerGetter(net, return_layers={"layer4": "feature_map"})
        self.encoder = Encoder(config, config.n_encoder_layers)
        self.decoder = Decoder(config)
        if features.robot_state:
            self.encoder_robot_state_input_proj = nn.Linear(features.robot_state, d)
        if features.environment_state:
            self.encoder_env_state_input_proj = nn.Linear(features.environment_state, d)
        self.encoder_latent_input_proj = nn.Linear(config.latent_dim, d)
        if features.cameras:
            self.encoder_img_feat_input_proj = nn.Conv2d(net.fc.in_features, d, 1)
        self.encoder_1d_feature_pos_embed = nn.Embedding(vectors, d)
        self.decoder_pos_embed = nn.Embedding(config.chunk_size, d)
        self.action_head = nn.Linear(d, features.action)
        for p in chain(self.encoder.parameters(), self.decoder.parameters()):
            if p.dim() > 1:
                nn.init.xavier_uniform_(p)

    def forward(
        self,
        images: Sequence[Tensor] = (),
        robot_state: Tensor | None = None,
        environment_state: Tensor | None = None,
        actions: Tensor | None = None,
        is_pad: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        # images: cameras × [B, 3, H, W]; states [B, .]; in training actions [B, K, A], is_pad [B, K]
        mu = logvar = None
        if self.config.use_vae and actions is not None and is_pad is not None:
            mu, logvar = self.posterior(robot_state, actions, is_pad)
            z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        else:
            z = self.decoder_pos_embed.weight.new_zeros(1, self.config.latent_dim)
        tokens = [self.encoder_latent_input_proj(z)[:, None]]  # [B or 1, 1, d]
        if robot_state is not None:
            tokens.append(self.encoder_robot_state_input_proj(robot_state)[:, None])
        if environment_state is not None:
            tokens.append(self.encoder_env_state_input_proj(environment_state)[:, None])
        position = self.encoder_1d_feature_pos_embed.weight  # [vectors, d]
        if images:
            maps, (height, width) = self.see(images)
            tokens.append(maps)
            place = grid_position(height, width, self.config.dim_model).to(maps)
            position = torch.cat([position, *[place] * len(images)])  # [N, d]
        batch = max(x.shape[0] for x in tokens)
        x = torch.cat([x.expand(batch, -1, -1) for x in tokens], dim=1)  # [B, N, d]
        memory = self.encoder(x, position)
        queries = self.decoder_pos_embed.weight  # [K, d]
        y = self.decoder(torch.zeros_like(queries).expand(batch, -1, -1), queries, memory, position)
        return self.action_head(y), mu, logvar

    def see(self, images: Sequence[Tensor]) -> tuple[Tensor, tuple[int, int]]:
        """Every position of every camera's map as a token, [B, cameras·h·w, d], and (h, w)."""
        # one run for all cameras: they have one shape and share the backbone
        x = self.backbone(torch.cat(list(images)))["feature_map"]  # [cameras·B, C, h, w]
        height, width = x.shape[-2:]
        x = self.encoder_img_feat_input_proj(x).flatten(2).transpose(1, 2)  # [cameras·B, h·w, d]
        return torch.cat(x.chunk(len(images)), dim=1), (height, width)

    def posterior(self, state: Tensor | None, actions: Tensor, is_pad: Tensor) -> tuple[Tensor, Tensor]:
        """q(z | state, actions) of the CVAE: mu and logvar, [B, latent]."""
        b = actions.shape[0]
        tokens = [self.vae_encoder_cls_embed.weight.expand(b, 1, -1)]
        if state is not None:
            tokens.append(self.vae_encoder_robot_state_input_proj(state)[:, None])
        x = torch.cat([*tokens, self.vae_encoder_action_input_proj(actions)], dim=1)  # [B, 1 or 2 + K, d]
        padding = torch.cat([is_pad.new_zeros(b, len(tokens)), is_pad], dim=1)
        x = self.vae_encoder(x, self.vae_encoder_pos_enc, padding)[:, 0]
        mu, logvar = self.vae_encoder_latent_output_proj(x).chunk(2, dim=-1)
        return mu, logvar


def grid_position(height: int, width: int, d: int) -> Tensor:
    """ACT's fixed encoding of a map's positions, [height·width, d]: half the channels for y, half for x.

    DETR's, scaled to 2π, which counts from 1 (policy.sinusoid_2d counts from ½): position i of n is at
    i / (n + 1e-6) · 2π.
    """
    half = d // 2
    rate = 10000.0 ** (
        2 * torch.div(torch.arange(half, dtype=torch.float32), 2, rounding_mode="floor") / half
    )

    def axis(length: int) -> Tensor:
        steps = torch.arange(1, length + 1, dtype=torch.float32)
        angle = (steps / (length + 1e-6) * (2 * math.pi))[:, None] / rate  # [length, half]
        return torch.stack([angle[:, 0::2].sin(), angle[:, 1::2].cos()], dim=2).flatten(1)

    y = axis(height)[:, None, :].expand(height, width, half)
    x = axis(width)[None, :, :].expand(height, width, half)
    return torch.cat([y, x], dim=2).reshape(height * width, d)
