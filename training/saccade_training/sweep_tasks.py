"""What a sweep found on several tasks, side by side: a Markdown table of its results.json files.

python -m saccade_training.sweep_tasks OUT/TASK/results.json … [--against ROW …] [--rows NAME …]

Beside each row's success on each task stands by how much it succeeds more often than the rows `--against`, in
the mean over the tasks: what one task is too noisy to tell, several may.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from .config import ConfigError
from .sweep_table import Outcome, Spread, success_rates

Policies = dict[str, list[Outcome]]  # by row


@dataclass(frozen=True)
class TaskResults:
    task: str
    reference: str
    policies: Policies

    @property
    def spread(self) -> Spread | None:
        """Over all rows; one that shares another's policies counts once."""
        own = (
            [o for o in found if Path(o.bundle).parent.parent.name == row]
            for row, found in self.policies.items()
        )
        return Spread.of(own)

    def rate(self, row: str) -> float:
        """Success, each training seed alike."""
        return float(success_rates(self.policies[row]).mean())


@dataclass(frozen=True)
class Difference:
    mean: float
    half_width95: float


def read_results(path: Path) -> TaskResults:
    try:
        raw = json.loads(path.read_text())
        policies = {row: [Outcome(**o) for o in found] for row, found in raw["policies"].items()}
        return TaskResults(raw["task"], raw["reference"], policies)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} is not the results.json of a sweep ({error!r})") from error


def difference(results: Sequence[TaskResults], row: str, against: str) -> Difference | None:
    """Of the success rates, in the mean over the tasks, with the 95 % interval that training seeds leave.

    The variances of the tasks add up, each with its own spread of seeds; degrees of freedom after
    Satterthwaite (1946). None where a task lacks one of the rows, or both are the same policies.
    """
    means, variances, freedoms = [], [], []
    for found in results:
        a, b, spread = found.policies.get(row), found.policies.get(against), found.spread
        if not a or not b or spread is None or a == b:
            return None
        means.append(found.rate(row) - found.rate(against))
        variances.append(spread.variance_of(a) + spread.variance_of(b))
        freedoms.append(spread.freedom)
    variance, total = np.array(variances), sum(variances)
    freedom = total**2 / (variance**2 / freedoms).sum()
    half = float(stats.t.ppf(0.975, freedom) * total**0.5 / len(results))
    return Difference(float(np.mean(means)), half)


def markdown(results: Sequence[TaskResults], rows: Sequence[str], against: Sequence[str]) -> str:
    header = ["row", *(r.task for r in results), *(f"− {other}, mean" for other in against)]
    lines = ["| " + " | ".join(header) + " |", "|" + ":--|" * len(header)]
    for row in rows:
        cells = [row]
        for found in results:
            seeds = found.policies.get(row)
            by_seed = " / ".join(f"{100 * o.successes / o.episodes:.0f}" for o in seeds or [])
            cells.append(f"{100 * found.rate(row):.1f} % ({by_seed})" if seeds else "–")
        for other in against:
            than = difference(results, row, other)
            cells.append(
                "–" if than is None else f"{round(100 * than.mean):+d} ± {100 * than.half_width95:.0f}"
            )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Put a sweep's results on several tasks side by side.")
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULTS.json")
    parser.add_argument("--against", nargs="+", metavar="ROW", help="default: the sweep's reference")
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="only these (default: all)")
    args = parser.parse_args(argv)
    try:
        results = [read_results(path) for path in args.results]
        known = list(dict.fromkeys(row for found in results for row in found.policies))
        for row in [*(args.rows or []), *(args.against or [])]:
            if row not in known:
                raise ConfigError(f"{row} is no row of {args.results[0]}: choose of {', '.join(known)}")
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(markdown(results, args.rows or known, args.against or [results[0].reference]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
