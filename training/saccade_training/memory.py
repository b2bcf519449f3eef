"""Recurrent visual memory, after VPT (Baker et al. 2022): a causal transformer over time with an explicit
cache.

A step attends to itself and to the `length` steps before it, as far back as its episode goes: `first`, one
flag a step, cuts the past. The keys and values of the last `length` steps are an input and an output, so that
feeding steps one at a time gives what feeding the whole sequence gives. Where a key lies in time is told by a
learned bias for each age, which does not change as the cache moves on.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .transformer import FeedForward

POOLINGS = ("none", "last", "mean")


class Cache(NamedTuple):
    """The last `length` steps, the newest last."""

    keys: Tensor  # [B, layers, length, d]
    values: Tensor
    valid: Tensor  # [B, length] bool: of the episode that goes on


class RecurrentMemory(nn.Module):
    def __init__(self, d: int, heads: int, layers: int, length: int) -> None:
        super().__init__()
        self.length = length
        self.layers = nn.ModuleList(MemoryLayer(d, heads, length) for _ in range(layers))
        self.norm = nn.LayerNorm(d)
        self.shape = (layers, length, d)

    def empty(self, batch: int, like: Tensor) -> Cache:
        """The cache at the start, on the device and of the type of `like`."""
        zeros = like.new_zeros(batch, *self.shape)
        return Cache(zeros, zeros, torch.zeros(batch, self.length, dtype=torch.bool, device=like.device))

    def forward(
        self, x: Tensor, first: Tensor, cache: Cache | None = None, pooling: str = "none"
    ) -> tuple[Tensor, Cache]:
        """x [B, T, d], any T; first [B, T] bool, true where a step begins an episode.

        Returns the latents and the next cache. Pooling none gives [B, T, d], last and mean [B, d].
        Raises ValueError for another pooling.
        """
        if pooling not in POOLINGS:
            raise ValueError(f"pooling is {pooling!r}: choose one of {', '.join(POOLINGS)}")
        cache = self.empty(x.shape[0], x) if cache is None else cache
        steps = x.shape[1]
        episode = first.long().cumsum(dim=1)  # [B, T]; the cache's own is 0
        of_key = torch.cat([torch.where(cache.valid, 0, -1), episode], dim=1)  # [B, length + T]
        # age of each key as a step sees it: 0 is the step itself, negative the future
        at = torch.arange(steps, device=x.device)[:, None] + self.length
        age = at - torch.arange(self.length + steps, device=x.device)  # [T, length + T]
        seen = (age >= 0) & (age <= self.length) & (of_key[:, None, :] == episode[:, :, None])
        age = age.clamp(0, self.length)
        keys, values = [], []
        for i, layer in enumerate(self.layers):
            x, k, v = layer(x, cache.keys[:, i], cache.values[:, i], seen, age)
            keys.append(k[:, steps:])
            values.append(v[:, steps:])
        latents = self.norm(x)
        following = Cache(
            torch.stack(keys, dim=1), torch.stack(values, dim=1), (of_key == episode[:, -1:])[:, steps:]
        )
        return pool(latents, pooling), following


class MemoryLayer(nn.Module):
    def __init__(self, d: int, heads: int, length: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(d)
        self.project = nn.Linear(d, 3 * d)
        self.out = nn.Linear(d, d)
        self.bias = nn.Parameter(torch.zeros(heads, length + 1))  # by age
        self.feed_norm = nn.LayerNorm(d)
        self.feed = FeedForward(d, 2 * d, 0.0)

    def forward(
        self, x: Tensor, keys: Tensor, values: Tensor, seen: Tensor, age: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x [B, T, d], keys and values of the cache [B, length, d], seen [B, T, length + T], age [T, length +
        T].

        Returns the new x, and all keys and values [B, length + T, d].
        """
        q, k, v = self.project(self.norm(x)).chunk(3, dim=-1)
        keys, values = torch.cat([keys, k], dim=1), torch.cat([values, v], dim=1)
        scores = self._split(q) @ self._split(keys).transpose(-1, -2) / math.sqrt(q.shape[-1] // self.heads)
        scores = scores + self.bias[:, age]  # [B, heads, T, length + T]
        weights = scores.masked_fill(~seen[:, None], float("-inf")).softmax(dim=-1)
        x = x + self.out((weights @ self._split(values)).transpose(1, 2).flatten(2))
        return x + self.feed(self.feed_norm(x)), keys, values

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, heads, N, d/heads]


def pool(latents: Tensor, how: str) -> Tensor:
    if how == "none":
        return latents
    return latents[:, -1] if how == "last" else latents.mean(dim=1)
