"""Pictures of trained policies: where they look, what they take from M and from P, what demonstrations bring.

The attention is that of ACT's decoder (its last layer, averaged over heads and the chunk's queries) to the
cameras' tokens, which every architecture has: cells, positions of the map, or one token a camera.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from .aggregation import Pixelwise
from .clips import unit
from .dataset import Batch, Demonstrations
from .mp import m_channels, p_channels
from .policy import Carried, SaccadePolicy
from .run import Run, restore
from .sweep_file import Sweep
from .sweep_table import Outcome, summarise
from .transformer import Attention

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS_SHOWN = 64  # rows of the demonstrations that M-versus-P is measured on


def decoder_attention(policy: SaccadePolicy, batch: Batch) -> dict[str, Tensor]:
    """Per camera the weights of its tokens, [B, rows, columns]; all tokens' together sum to at most 1."""
    cross = policy.act.decoder[-1].cross
    assert isinstance(cross, Attention)
    seen: list[tuple[Tensor, ...]] = []
    hook = cross.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs))
    with torch.no_grad():
        policy(
            batch.current, batch.previous, batch.state, carried=Carried(batch.first[:, None], batch.command)
        )
        hook.remove()
        weights = cross.with_weights(*seen[0][:3])[1].mean(dim=1)  # [B, tokens]
    start, found = 2, {}  # after the latent and the state
    for name, (rows, columns) in policy.grids.items():
        found[name] = weights[:, start : start + rows * columns].unflatten(1, (rows, columns))
        start += rows * columns
    return found


def m_share(policy: SaccadePolicy, batch: Batch) -> Tensor:
    """Of each dimension of the fused patches, how much comes from M, [D] in 0 … 1; the rest is P's.

    Measured, so that it means the same for every mechanism: how far the fused value moves when a stream's
    tokens are replaced by their mean, M's move over both moves. 0.5 is an even share.
    """
    moves = []
    for i, camera in enumerate(policy.cameras):
        encoder = policy.encoder_of(camera)
        fusion = cast(Pixelwise, encoder.aggregate).patch_fusion
        before, now = unit(batch.previous[i]), unit(batch.current[i])
        with torch.no_grad():
            m = encoder.m_encoder(m_channels(before, now))[:, 1:]
            p = encoder.p_encoder(p_channels(now))[:, 1:]
            fused = fusion(m, p, m, p)
            for streams in ((mean_of(m), p), (m, mean_of(p))):
                moves.append((fused - fusion(*streams, *streams)).abs().mean(dim=(0, 1)))
    of_m, of_p = torch.stack(moves[0::2]).mean(dim=0), torch.stack(moves[1::2]).mean(dim=0)
    return of_m / (of_m + of_p).clamp_min(1e-12)


def mean_of(tokens: Tensor) -> Tensor:
    return tokens.mean(dim=(0, 1), keepdim=True).expand_as(tokens)


def draw_pictures(
    sweep: Sweep, outcomes: Mapping[str, Sequence[Outcome]], data: Path, out: Path
) -> list[Path]:
    """attention.png (of the rows with all training seeds, where there are such), m_versus_p.png and
    success_by_demonstrations.png, as far as the sweep has what they show."""
    policies = {}
    for name, found in outcomes.items():
        trials = sweep.trials[name]
        # a row that shares another's policies looks as that one does
        if found and trials[0].row == name and trials[0].demonstrations is None:
            trained = next(t for t in trials if t.seed == found[0].seed)
            policies[name] = restore(Run(trained.folder(out) / "run").load())[1]
    written = []
    if policies:
        roles = next(iter(sweep.trials.values()))[0].config.data.cameras
        some = Demonstrations(data, 1, roles)
        batch = some.batch(torch.linspace(0, len(some) - 1, min(ROWS_SHOWN, len(some))).long(), 1)
        main = {n: p for n, p in policies.items() if len(sweep.trials[n]) >= len(sweep.file.seeds)}
        written.append(_save(attention_figure(main or policies, batch), out / "attention.png"))
        fused = {
            name: policy
            for name, policy in policies.items()
            if policy.config.mp.enabled and policy.config.mp.aggregation == "pixelwise"
        }
        if fused:
            shares = {name: m_share(policy, batch) for name, policy in fused.items()}
            written.append(_save(shares_figure(shares), out / "m_versus_p.png"))
    lines = success_lines(sweep, outcomes)
    if lines:
        written.append(_save(demonstrations_figure(lines), out / "success_by_demonstrations.png"))
    return written


def success_lines(sweep: Sweep, outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, list[dict[str, Any]]]:
    """Rows that differ in their demonstrations alone, fewest first, under the name of the first. Of each, the
    policies of the training seeds that all of them have: seeds differ more than demonstrations may."""
    lines: dict[str, tuple[str, dict[int, Sequence[Outcome]]]] = {}
    for name, found in outcomes.items():
        config = sweep.trials[name][0].config
        key = repr((config.policy, replace(config.train, seed=0)))
        if found:
            _, line = lines.setdefault(key, (name, {}))
            line.setdefault(found[0].demonstrations, found)
    drawn = {}
    for name, line in lines.values():
        seeds = set.intersection(*({o.seed for o in found} for found in line.values()))
        points = [summarise([o for o in line[n] if o.seed in seeds]) for n in sorted(line)]
        if len(line) > 1 and seeds:
            drawn[name] = [point for point in points if point is not None]
    return drawn


def attention_figure(policies: Mapping[str, SaccadePolicy], batch: Batch) -> Figure:
    """A row a policy, a column a camera: the frame in the middle of the batch under its tokens' weights."""
    plt = _pyplot()
    cameras = [c.name for c in next(iter(policies.values())).cameras]
    figure, axes = plt.subplots(
        *(len(policies), len(cameras)),
        figsize=(2.4 * len(cameras), 2.5 * len(policies)),
        squeeze=False,
        layout="constrained",
    )
    middle = len(batch.state) // 2
    for line, (name, policy) in zip(axes, policies.items(), strict=True):
        found = decoder_attention(policy, batch)
        for i, (place, camera) in enumerate(zip(line, cameras, strict=True)):
            frame, weight = batch.current[i][middle].numpy(), found[camera][middle].numpy()
            height, width, _ = frame.shape
            place.imshow(frame)
            place.imshow(
                np.kron(weight, np.ones((height // weight.shape[0] + 1, width // weight.shape[1] + 1))),
                *("inferno",),
                alpha=0.55,
                extent=(-0.5, width - 0.5, height - 0.5, -0.5),
                vmin=0,
            )
            place.set_title(f"{name} · {camera}: {100 * weight.sum():.0f} %", fontsize=7)
            place.axis("off")
    return figure


def shares_figure(shares: Mapping[str, Tensor]) -> Figure:
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, share in shares.items():
        axes.plot(share.sort().values.numpy(), label=f"{name} (mean {share.mean():.2f})", linewidth=1)
    axes.axhline(0.5, color="grey", linewidth=0.5)
    axes.set(
        xlabel="dimension of the fused patches, sorted", ylabel="share of M (the rest is P's)", ylim=(0, 1)
    )
    axes.legend(fontsize=7)
    return figure


def demonstrations_figure(lines: Mapping[str, Sequence[dict[str, Any]]]) -> Figure:
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, rows in lines.items():
        rate = [row["success_rate"] for row in rows]
        low = [r - row["success_ci95"][0] for r, row in zip(rate, rows, strict=True)]
        high = [row["success_ci95"][1] - r for r, row in zip(rate, rows, strict=True)]
        seeds = ", ".join(map(str, rows[0]["seeds"]))
        axes.errorbar(
            *([row["demonstrations"] for row in rows], rate, [low, high]),
            label=f"{name}, training seed {seeds}",
            marker="o",
            capsize=3,
        )
    axes.set(xlabel="demonstrations", ylabel="success (Wilson 95 %)", ylim=(0, 1), xscale="log")
    counts = sorted({row["demonstrations"] for rows in lines.values() for row in rows})
    axes.minorticks_off()
    axes.set_xticks(counts, labels=list(map(str, counts)))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _save(figure: Figure, path: Path) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    figure.savefig(temporary, format="png", dpi=120)
    _pyplot().close(figure)
    temporary.replace(path)
    return path
