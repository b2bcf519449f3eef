"""A sweep's results: per policy, and summed up per row as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from .config import ConfigError
from .sweep_file import Sweep

Z95 = 1.959963984540054  # the normal distribution's 97.5 % quantile


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


def read_outcome(seed: int, folder: Path) -> Outcome:
    """From the bundle's manifest and the rollout's summary. Raises ConfigError naming the file and what it
    lacks."""
    path = folder / "bundle" / "policy.yaml"
    try:
        provenance = yaml.safe_load(path.read_text())["provenance"]
        training, size = provenance["training"], provenance["architecture"]["parameters"]
        demonstrations = provenance["dataset"]["episodes"]
        path = folder / "evaluation" / "summary.json"
        summary = json.loads(path.read_text())
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


def wilson95(successes: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = successes / n, Z95 * Z95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def difference95(
    outcomes: Sequence[Outcome], reference: Sequence[Outcome], draws: int = 20_000
) -> tuple[float, float]:
    """95 % interval of a row's success rate less the reference's, by a bootstrap in two levels: which
    training seeds, then which of their episodes (Efron & Tibshirani 1993). With one training seed the spread
    between policies is not in it; with three it is estimated roughly."""
    generator = np.random.default_rng(0)

    def rates(found: Sequence[Outcome]) -> np.ndarray:
        episodes = np.array([o.episodes for o in found])
        share = np.array([o.successes for o in found]) / episodes
        seeds = generator.integers(len(found), size=(draws, len(found)))
        return generator.binomial(episodes[seeds], share[seeds]).sum(axis=1) / episodes[seeds].sum(axis=1)

    low, high = np.percentile(rates(outcomes) - rates(reference), [2.5, 97.5])
    return float(low), float(high)


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


def table(sweep: Sweep, outcomes: Mapping[str, Sequence[Outcome]]) -> list[dict[str, Any]]:
    """The rows that have results, in the file's order, with their differences and ratios against the
    reference row."""
    others = outcomes[sweep.file.reference]
    reference = summarise(others)
    rows = []
    for row in sweep.file.rows:
        found = summarise(outcomes.get(row.name, []))
        if found is None:
            continue
        ratios = {
            f"{key}_ratio": found[key] / reference[key]
            if reference and reference[key] and found[key]
            else None
            for key in RATIOS
        }
        seeds = {o.seed for o in outcomes[row.name]}
        alike = [o for o in others if o.seed in seeds]  # seeds differ in how hard they make it
        compared = bool(alike) and row.name != sweep.file.reference
        interval = list(difference95(outcomes[row.name], alike)) if compared else None
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
    text = markdown(sweep, rows)
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


def markdown(sweep: Sweep, rows: Sequence[dict[str, Any]]) -> str:
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
        f"{evaluate.strategy}; success over all of a row's policies, Wilson's interval; less {reference}'s, "
        "a bootstrap over training seeds and episodes.",
    ]
    group = None
    for row in rows:
        if row["group"] != group:
            group = row["group"]
            lines += ["", *([f"## {group}", ""] if group else [])]
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
