"""Transformer pieces shared by the architectures: attention that can show its weights, pre-norm layers."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head attention. query [B, Q, d], key and value [B, K, d] → [B, Q, d]."""

    def __init__(self, d: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if d % heads:
            raise ValueError(f"width {d} is not divisible into {heads} heads")
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(d, d)
        self.key = nn.Linear(d, d)
        self.value = nn.Linear(d, d)
        self.out = nn.Linear(d, d)

    def _split(self, x: Tensor) -> Tensor:
        b, n, d = x.shape
        return x.reshape(b, n, self.heads, d // self.heads).transpose(1, 2)  # [B, heads, N, d/heads]

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """mask [B, K]: true where a key counts."""
        return self._attend(query, key, value, mask)[0]

    def with_weights(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """The same, and the weights averaged over the heads, [B, Q, K] (each row sums to 1)."""
        y, weights = self._attend(query, key, value, None)
        return y, weights.mean(dim=1)

    def _attend(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        # Written out: on a CPU, at these sizes, the backward pass of PyTorch's fused attention is slower.
        q, k, v = self._split(self.query(query)), self._split(self.key(key)), self._split(self.value(value))
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])  # [B, heads, Q, K]
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None, :], float("-inf"))
        weights = torch.softmax(scores, dim=-1)
        y = F.dropout(weights, self.dropout, self.training) @ v
        return self.out(y.transpose(1, 2).flatten(2)), weights


class FeedForward(nn.Sequential):
    def __init__(self, d: int, hidden: int, dropout: float) -> None:
        super().__init__(nn.Linear(d, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, d))


class EncoderLayer(nn.Module):
    def __init__(self, d: int, heads: int, ffn: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(d, heads, dropout)
        self.feed = FeedForward(d, ffn, dropout)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, position: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        # x [B, N, d]; position [1, N, d] joins queries and keys at every layer, as in DETR
        y = self.norm1(x)
        placed = y if position is None else y + position
        x = x + self.drop(self.attention(placed, placed, y, mask))
        return x + self.drop(self.feed(self.norm2(x)))


class DecoderLayer(nn.Module):
    def __init__(self, d: int, heads: int, ffn: int, dropout: float) -> None:
        super().__init__()
        self.own = Attention(d, heads, dropout)
        self.cross = Attention(d, heads, dropout)
        self.feed = FeedForward(d, ffn, dropout)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(d), nn.LayerNorm(d), nn.LayerNorm(d)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, queries: Tensor, memory: Tensor, placed_memory: Tensor) -> Tensor:
        # x [B, Q, d]; queries [1, Q, d] learned positions; memory [B, N, d] without and with its positions
        y = self.norm1(x)
        x = x + self.drop(self.own(y + queries, y + queries, y))
        x = x + self.drop(self.cross(self.norm2(x) + queries, placed_memory, memory))
        return x + self.drop(self.feed(self.norm3(x)))


def sinusoid_1d(length: int, d: int) -> Tensor:
    """Vaswani et al. 2017: sine on the even channels, cosine on the odd. [length, d]."""
    position = torch.arange(length, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, d, 2, dtype=torch.float32) * (-math.log(10000.0) / d))
    table = torch.zeros(length, d)
    table[:, 0::2] = torch.sin(position * rate)
    table[:, 1::2] = torch.cos(position * rate[: d // 2])
    return table


def sinusoid_2d(height: int, width: int, d: int) -> Tensor:
    """DETR's fixed encoding of a grid scaled to 2π: half the channels for y, half for x. [1, d, H, W]."""
    half = d // 2
    rate = 10000.0 ** (2 * torch.div(torch.arange(half), 2, rounding_mode="floor") / half)

    def axis(length: int) -> Tensor:
        angle = ((torch.arange(length) + 0.5) / length * 2 * math.pi)[:, None] / rate  # [length, half]
        return torch.stack([angle[:, 0::2].sin(), angle[:, 1::2].cos()], dim=2).flatten(1)

    y, x = axis(height), axis(width)
    y = y[:, None, :].expand(height, width, half)
    x = x[None, :, :].expand(height, width, half)
    return torch.cat([y, x], dim=2).permute(2, 0, 1).unsqueeze(0).contiguous()
