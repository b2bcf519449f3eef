"""A sweep's results: per policy, and summed up per row as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy import stats

from .config import ConfigError
from .sweep_file import Sweep


@dataclass(frozen=True)
class Outcome:
    """One trained policy, evaluated."""

    seed: int
    bundle: str
    demonstrations: int
    parameters: int
    train_cpu_minutes: float
    validation_l1: float | None
    episodes: int
    successes: int
    average_return: float
    highest_reward: float  # averaged over the episodes: how far they came, in the task's stages
    position_errors_m: list[float]  # of the episodes that have one
    run_ms: float | None  # inference, median


def read_outcome(sweep: Sweep, seed: int, folder: Path) -> Outcome:
    """From the bundle's manifest and the rollout's summary. Raises ConfigError naming the file and what it
    lacks, or what of it is not as the sweep evaluates."""
    path = folder / "bundle" / "policy.yaml"
    try:
        manifest = yaml.safe_load(path.read_text())
        provenance = manifest["provenance"]
        training, size = provenance["training"], provenance["architecture"]["parameters"]
        demonstrations = provenance["dataset"]["episodes"]
        path = folder / "evaluation" / "summary.json"
        summary = json.loads(path.read_text())
        check_evaluation(sweep, path, summary["run"], manifest["graph"]["sha256"])
        finished = [r for r in summary["results"] if r["stop"] != "interrupted"]
        if not finished:
            raise ConfigError(f"{path} holds no finished episode: remove {path.parent} and run again")
        errors = [r.get("metrics", {}).get("position_error_m") for r in finished]
        return Outcome(
            seed,
            str(folder / "bundle"),
            demonstrations,
            size,
            training["cpu_minutes"],
            training["validation_l1"],
            len(finished),
            sum(bool(r["success"]) for r in finished),
            summary["average_return"],
            sum(r["highest_reward"] for r in finished) / len(finished),
            [float(e) for e in errors if e is not None],
            summary["run_ms"]["p50"] if summary["run_ms"] else None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} is not what a sweep leaves ({error!r}): remove {folder}") from error


def check_evaluation(sweep: Sweep, path: Path, run: Mapping[str, Any], graph_sha256: str) -> None:
    """Raises ConfigError where an evaluation is not the one that the sweep asks for of this graph."""
    asked = sweep.file.evaluate
    for key, found, wanted in (
        ("task", run["task"], sweep.task),
        ("episodes", run["episodes"], asked.episodes),
        ("seed", run["seed"], asked.seed),
        ("strategy", run["strategy"]["name"], asked.strategy),
        ("graph_sha256", run["graph_sha256"], graph_sha256),
    ):
        if found != wanted:
            raise ConfigError(
                f"{path} has {key} {found}, the sweep asks for {wanted}: remove {path.parent} to evaluate "
                "again, or give --out a new folder"
            )


def wilson95(successes: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927)."""
    low, high = stats.binomtest(successes, n).proportion_ci(method="wilson")
    return float(low), float(high)


@dataclass(frozen=True)
class Spread:
    """How far the success rates of policies that differ in their training seed alone lie apart."""

    dispersion: float  # φ: their variance, in that of episodes drawn by chance at the same rate
    freedom: float

    @staticmethod
    def of(rows: Iterable[Sequence[Outcome]]) -> Spread | None:
        """Pooled over the rows with several seeds: three of one row alone would tell next to nothing.

        Of overdispersed shares, Var = φ·p·(1 − p)/n (McCullagh & Nelder 1989, §4.5), so that rows near 0 or
        100 %, where no policy can be far from another, do not make those between look alike. φ is what is
        found by what chance leaves, each summed over the rows (Pearson's mean of ratios is biased by rows
        with few successes), at least 1; degrees of freedom after Satterthwaite (1946). None without a row
        of several seeds that is neither at 0 nor at 100 %.
        """
        found_variance, chance, squares = 0.0, 0.0, 0.0
        for found in rows:
            episodes, rates = np.array([o.episodes for o in found]), success_rates(found)
            if len(found) < 2:
                continue
            mean = sum(o.successes for o in found) / episodes.sum()
            found_variance += float((episodes * (rates - mean) ** 2).sum())
            chance += (len(found) - 1) * mean * (1 - mean)
            squares += (len(found) - 1) * (mean * (1 - mean)) ** 2
        return Spread(max(1.0, found_variance / chance), chance**2 / squares) if chance else None

    def variance(self, rate: float, episodes: Sequence[int]) -> float:
        """Of the mean success of policies with so many episodes each."""
        return self.dispersion * rate * (1 - rate) * float(np.mean(1 / np.array(episodes))) / len(episodes)

    def variance_of(self, found: Sequence[Outcome]) -> float:
        """Of a row's mean success, at its own rate, a success and a failure added (Agresti & Caffo 2000)."""
        episodes = [o.episodes for o in found]
        rate = (sum(o.successes for o in found) + 1) / (sum(episodes) + 2)
        return self.variance(rate, episodes)

    def half_width95(self, variance: float) -> float:
        """Of the 95 % interval of what has this variance."""
        return float(stats.t.ppf(0.975, self.freedom)) * variance**0.5


def success_rates(found: Sequence[Outcome]) -> np.ndarray:
    """(policies,)"""
    return np.array([o.successes / o.episodes for o in found])


def summarise(outcomes: Sequence[Outcome]) -> dict[str, Any] | None:
    """A row's figures over its training seeds; episodes are pooled."""
    if not outcomes:
        return None
    episodes, successes = sum(o.episodes for o in outcomes), sum(o.successes for o in outcomes)
    errors = [e for o in outcomes for e in o.position_errors_m]
    losses = [o.validation_l1 for o in outcomes if o.validation_l1 is not None]
    times = [o.run_ms for o in outcomes if o.run_ms is not None]
    return {
        "demonstrations": outcomes[0].demonstrations,
        "seeds": [o.seed for o in outcomes],
        "episodes": episodes,
        "success_rate": successes / episodes,
        "success_ci95": list(wilson95(successes, episodes)),
        "success_by_seed": [o.successes / o.episodes for o in outcomes],
        "average_return": sum(o.average_return * o.episodes for o in outcomes) / episodes,
        "highest_reward": sum(o.highest_reward * o.episodes for o in outcomes) / episodes,
        "position_error_m": sum(errors) / len(errors) if errors else None,
        "validation_l1": sum(losses) / len(losses) if losses else None,
        "parameters": outcomes[0].parameters,
        "train_cpu_minutes": sum(o.train_cpu_minutes for o in outcomes) / len(outcomes),
        "run_ms": sum(times) / len(times) if times else None,
    }


RATIOS = ("parameters", "train_cpu_minutes", "run_ms")


def spread_of(sweep: Sweep, outcomes: Mapping[str, Sequence[Outcome]]) -> Spread | None:
    """Of a sweep's policies, each counted once."""
    return Spread.of(found for name, found in outcomes.items() if sweep.trials[name][0].row == name)


def table(sweep: Sweep, outcomes: Mapping[str, Sequence[Outcome]]) -> list[dict[str, Any]]:
    """The rows that have results, in the file's order, with their differences and ratios against the
    reference row: ratios against its policies of the same training seeds, where there are such."""
    others = outcomes[sweep.file.reference]
    spread = spread_of(sweep, outcomes)
    rows = []
    for row in sweep.file.rows:
        own = outcomes.get(row.name, [])
        found = summarise(own)
        if found is None:
            continue
        seeds = {o.seed for o in own}
        reference = summarise([o for o in others if o.seed in seeds] or others)
        ratios = {
            f"{key}_ratio": found[key] / reference[key]
            if reference and reference[key] and found[key]
            else None
            for key in RATIOS
        }
        interval = None
        if spread and others and row.name != sweep.file.reference:
            difference = float(success_rates(own).mean() - success_rates(others).mean())
            half = spread.half_width95(spread.variance_of(own) + spread.variance_of(others))
            interval = [max(-1.0, difference - half), min(1.0, difference + half)]
        rows.append(
            {
                "group": row.group,
                "name": row.name,
                **found,
                "success_difference_ci95": interval,
                **ratios,
                "predicted": row.predicted,
            }
        )
    return rows


def write_tables(sweep: Sweep, outcomes: Mapping[str, Sequence[Outcome]], out: Path) -> str:
    """Writes results.json, table.csv and table.md; returns the last."""
    rows = table(sweep, outcomes)
    policies = {name: [asdict(o) for o in found] for name, found in outcomes.items() if found}
    results = {
        "sweep": sweep.file.name,
        "task": sweep.task,
        "reference": sweep.file.reference,
        "rows": rows,
        "policies": policies,
    }
    text = markdown(sweep, rows, spread_of(sweep, outcomes))
    for name, content in (
        ("results.json", json.dumps(results, indent=2)),
        ("table.csv", as_csv(rows)),
        ("table.md", text),
    ):
        temporary = out / f".{name}.{os.getpid()}"  # two may sweep here at once
        temporary.write_text(content)
        temporary.replace(out / name)
    return text


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    if rows:
        writer = csv.DictWriter(buffer, rows[0], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {k: " ".join(f"{x:.6g}" for x in v) if isinstance(v, list) else v for k, v in row.items()}
            )
    return buffer.getvalue()


def markdown(sweep: Sweep, rows: Sequence[dict[str, Any]], spread: Spread | None) -> str:
    evaluate, reference = sweep.file.evaluate, sweep.file.reference
    header = [
        *(
            "row",
            "success (95 %)",
            f"− {reference} (95 %)",
            "by seed",
            "return",
            "highest reward",
            "position error",
            "validation L1",
            "parameters",
            "training (CPU)",
            "inference",
        ),
        *(f"{what} / {reference}" for what in ("parameters", "training", "inference")),
        "predicted",
    ]
    lines = [
        f"# {sweep.file.name}",
        "",
        f"{sweep.task}, {evaluate.episodes} episodes a policy from seed {evaluate.seed}, strategy "
        f"{evaluate.strategy}. Success is over all of a row's policies, with Wilson's interval, which is "
        "about these policies and not about those of other training seeds. Ratios are against the policies "
        "of the same training seeds; the validation error depends on the seed, too, so compare it likewise.",
        "",
    ]
    if spread:
        one, three = (spread.variance(0.5, [evaluate.episodes] * seeds) for seeds in (1, 3))
        lines += [
            f"The interval of the difference from {reference} counts training seeds: policies that differ in "
            f"theirs alone have {spread.dispersion:.1f} times the variance of so many episodes drawn by "
            f"chance (all rows with several seeds, {spread.freedom:.0f} degrees of freedom), at 50 % success "
            f"a standard deviation of {100 * one**0.5:.0f} points. By that, two rows of three seeds each "
            f"differ there by up to ±{100 * spread.half_width95(three + three):.0f} points 95 times in 100 "
            f"without another cause, a row of one seed and one of three by "
            f"±{100 * spread.half_width95(one + three):.0f}.",
            "",
        ]
    group = None
    for row in rows:
        if row["group"] != group:
            group = row["group"]
            lines += [*([] if lines[-1] == "" else [""]), *([f"## {group}", ""] if group else [])]
            lines += ["| " + " | ".join(header) + " |", "|" + ":--|" * len(header)]
        lines.append("| " + " | ".join(_cells(row)) + " |")
    return "\n".join(lines) + "\n"


def _cells(row: dict[str, Any]) -> list[str]:
    def shown(value: float | None, text: str) -> str:
        return "–" if value is None else text.format(value)

    low, high = row["success_ci95"]
    error, than = row["position_error_m"], row["success_difference_ci95"]
    return [
        row["name"],
        f"{100 * row['success_rate']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]",
        "–" if than is None else f"{100 * than[0]:+.0f} … {100 * than[1]:+.0f} %",
        " / ".join(f"{100 * rate:.0f}" for rate in row["success_by_seed"]),
        f"{row['average_return']:.1f}",
        f"{row['highest_reward']:.2f}",
        shown(None if error is None else 100 * error, "{:.2f} cm"),
        shown(row["validation_l1"], "{:.3f}"),
        f"{row['parameters'] / 1e6:.2f} M",
        f"{row['train_cpu_minutes']:.1f} min",
        shown(row["run_ms"], "{:.1f} ms"),
        *(shown(row[f"{key}_ratio"], "{:.2f}×") for key in RATIOS),
        row["predicted"],
    ]
