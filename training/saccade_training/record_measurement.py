"""Writes a measured success into a bundle's manifest, and with --select makes its strategy the default.

python -m saccade_training.record_measurement --bundle models/NAME --summary out/eval/summary.json [--select]

The summary is what `saccade rollout --out` wrote. It says itself with which strategy and which graph it was
measured; a summary of another graph is refused.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from .config import ConfigError
from .export import to_yaml, write_manifest


def key_of(run: dict[str, Any]) -> str:
    """ensemble-m0.01-seeds-1-200, latest-seeds-1-200; a control run's name goes in front."""
    strategy = run["strategy"]
    parts = [strategy["name"], *(f"{k}{v}" for k, v in strategy.items() if k != "name")]
    seeds = ["seeds", str(run["seed"]), str(run["seed"] + run["episodes"] - 1)]
    return "-".join([*([run["control"]] if run["control"] else []), *parts, *seeds])


def record(bundle: Path, summary: dict[str, Any], select: bool) -> str:
    """Returns the key under provenance.measured that now holds the summary, without its list of episodes."""
    path = bundle / "policy.yaml"
    try:
        manifest = yaml.safe_load(path.read_text())
        sha256, provenance = manifest["graph"]["sha256"], manifest["provenance"]
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist: export a policy to {bundle} first") from error
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is not a policy manifest: export the policy again") from error
    run = summary["run"]
    if run["graph_sha256"] != sha256:
        raise ConfigError(f"the summary's run.graph_sha256 is not that of {path}: evaluate this bundle")
    if select and run["control"]:
        raise ConfigError(f"the summary is of the control run {run['control']}: --select is for real runs")
    key = key_of(run)
    provenance.setdefault("measured", {})[key] = {k: v for k, v in summary.items() if k != "results"}
    if select:
        manifest["strategy"] = run["strategy"]
    write_manifest(bundle, to_yaml(manifest))
    return key


def read_summary(path: Path) -> dict[str, Any]:
    try:
        summary = json.loads(path.read_text())
        key_of(summary["run"])
        summary["run"]["graph_sha256"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"--summary {path} is not a summary of saccade rollout ({error!r})") from error
    return summary


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Record a measured success in a bundle's manifest.")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--summary", type=Path, required=True, help="summary.json of saccade rollout")
    parser.add_argument("--select", action="store_true", help="make its strategy the bundle's")
    args = parser.parse_args(argv)
    try:
        key = record(args.bundle, read_summary(args.summary), args.select)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{args.bundle / 'policy.yaml'}: recorded {key}" + (" and selected it" if args.select else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
