"""Recurrent visual memory: the cache, the flags that cut the past, pooling, and a task nothing else can
solve."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import torch
from memory_task import EPISODE, SHOWN, export_policy, success, write_task
from torch import Tensor

from saccade_training.memory import Cache, RecurrentMemory

D = 16


def memory(length: int, layers: int = 2) -> RecurrentMemory:
    torch.manual_seed(0)
    module = RecurrentMemory(D, heads=2, layers=layers, length=length)
    for layer in module.layers:
        torch.nn.init.normal_(layer.bias)  # as if trained: how old a key is matters
    return module.eval()


def latents(steps: int, batch: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(batch, steps, D, generator=torch.Generator().manual_seed(seed))


def flags(steps: int, *cuts: int) -> Tensor:
    """The first sequence begins an episode at each cut, the second at its first step alone."""
    first = torch.zeros(2, steps, dtype=torch.bool)
    first[0, list(cuts)] = True
    first[1, 0] = True
    return first


def in_parts(module: RecurrentMemory, x: Tensor, first: Tensor, sizes: list[int]) -> tuple[Tensor, Cache]:
    found, cache = [], None
    for part, cut in zip(x.split(sizes, dim=1), first.split(sizes, dim=1), strict=True):
        y, cache = module(part, cut, cache)
        found.append(y)
    assert cache is not None
    return torch.cat(found, dim=1), cache


def assert_same_cache(a: Cache, b: Cache) -> None:
    assert torch.equal(a.valid, b.valid)
    # what is not valid is never looked at
    for x, y in ((a.keys, b.keys), (a.values, b.values)):
        mask = a.valid[:, None, :, None]
        assert torch.allclose(x * mask, y * mask, atol=1e-5)


# -- step by step is the whole at once -------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 4, 11, 12, 40])  # shorter than the 12 steps, as long, longer
@pytest.mark.parametrize("cuts", [(0,), (), (0, 5), (3, 4, 11)], ids=str)
@pytest.mark.parametrize("sizes", [[1] * 12, [5, 7], [1, 10, 1]], ids=["steps", "halves", "uneven"])
def test_step_by_step_with_the_cache_is_the_whole_sequence_at_once(
    length: int, cuts: tuple[int, ...], sizes: list[int]
) -> None:
    module, x, first = memory(length), latents(12), flags(12, *cuts)
    whole, after = module(x, first)
    parts, cache = in_parts(module, x, first, sizes)
    assert torch.allclose(parts, whole, atol=1e-5)
    assert_same_cache(cache, after)


def test_the_cache_is_what_comes_before_whatever_it_is() -> None:
    """The second half after the first is the second half alone, given the first half's cache."""
    module, x = memory(5), latents(10)
    none = torch.zeros(2, 10, dtype=torch.bool)
    whole, _ = module(x, none)
    _, cache = module(x[:, :5], none[:, :5])
    assert torch.allclose(module(x[:, 5:], none[:, 5:], cache)[0], whole[:, 5:], atol=1e-5)
    assert not torch.allclose(module(x[:, 5:], none[:, 5:])[0], whole[:, 5:], atol=1e-3)


# -- what a step sees ------------------------------------------------------------------------------


def steps_that_change(module: RecurrentMemory, at: int, first: Tensor, steps: int = 10) -> list[int]:
    x = latents(steps)
    other = x.clone()
    other[:, at] += latents(1, seed=1)[:, 0]  # not a constant, which LayerNorm takes away
    changed = (module(x, first)[0] - module(other, first)[0]).abs().amax(dim=(0, 2)) > 1e-6
    return changed.nonzero().flatten().tolist()


@pytest.mark.parametrize("length", [1, 3, 20])
def test_a_step_is_seen_by_itself_and_by_as_many_after_it_as_the_cache_is_long(length: int) -> None:
    begin = torch.zeros(2, 10, dtype=torch.bool)
    seen = steps_that_change(memory(length, layers=1), 4, begin)
    assert seen == [t for t in range(4, 10) if t - 4 <= length]


def test_each_layer_reaches_that_far_again() -> None:
    begin = torch.zeros(2, 10, dtype=torch.bool)
    assert steps_that_change(memory(2, layers=2), 1, begin) == [1, 2, 3, 4, 5]


def test_first_cuts_the_past() -> None:
    first = torch.zeros(2, 10, dtype=torch.bool)
    first[:, 6] = True
    module = memory(20)
    assert steps_that_change(module, 4, first) == [4, 5]
    assert steps_that_change(module, 6, first) == [6, 7, 8, 9]
    x = latents(10)
    start = torch.tensor([[True, False, False, False]] * 2)
    assert torch.allclose(module(x, first)[0][:, 6:], module(x[:, 6:], start)[0], atol=1e-5)


def test_a_first_step_makes_any_cache_an_empty_one() -> None:
    module, x = memory(4), latents(3)
    first = torch.tensor([[True, False, False]] * 2)
    noise = Cache(*(torch.randn(2, *module.shape) for _ in range(2)), torch.ones(2, 4, dtype=torch.bool))
    assert torch.equal(module(x, first, noise)[0], module(x, first)[0])
    assert module(x, first, noise)[1].valid.tolist() == [[False, True, True, True]] * 2


# -- pooling ---------------------------------------------------------------------------------------


def test_poolings_give_tensors_of_the_latents() -> None:
    module, x, first = memory(4), latents(6), flags(6, 0)
    every, _ = module(x, first, pooling="none")
    assert every.shape == (2, 6, D)
    assert torch.equal(module(x, first, pooling="last")[0], every[:, -1])
    assert torch.equal(module(x, first, pooling="mean")[0], every.mean(dim=1))
    # fed a step at a time, as a robot feeds them, there is one latent to pool
    for pooling in ("last", "mean"):
        assert torch.equal(module(x[:, :1], first[:, :1], pooling=pooling)[0], every[:, 0])


def test_a_bad_pooling_is_raised() -> None:
    with pytest.raises(ValueError, match="pooling is 'max': choose one of none, last, mean"):
        memory(4)(latents(2), flags(2, 0), pooling="max")


def test_gradients_reach_the_past() -> None:
    x = latents(8).requires_grad_()
    module = memory(8)
    module(x, flags(8, 0), pooling="last")[0].sum().backward()
    assert x.grad is not None
    assert x.grad.abs().amax(dim=(0, 2)).min() > 0
    untouched = [n for n, p in module.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert untouched == []


@pytest.mark.parametrize(("steps", "length"), product((1, 2, 30), (1, 7)))
def test_any_length_of_sequence_keeps_the_last_steps(steps: int, length: int) -> None:
    first = torch.zeros(2, steps, dtype=torch.bool)
    _, cache = memory(length)(latents(steps), first)
    assert cache.keys.shape == cache.values.shape == (2, 2, length, D)
    assert cache.valid.tolist() == [[i >= length - steps for i in range(length)]] * 2


# -- a task that only memory can solve -------------------------------------------------------------


def test_only_a_policy_with_memory_goes_where_the_target_was_shown(tmp_path: Path) -> None:
    """The target is shown in the first second; the command that depends on it comes after it is gone."""
    assert SHOWN < EPISODE / 2
    demos = write_task(tmp_path / "demos")
    rates = {}
    for enabled in (True, False):
        out = tmp_path / str(enabled)
        export_policy(demos, out, memory=enabled)
        rates[enabled] = success(out, episodes=20)
    assert rates[True] == 1
    assert rates[False] == 0.5  # both targets look the same to it: it always goes to one of them
