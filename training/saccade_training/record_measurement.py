"""Writes a measured success into a bundle's manifest, and with --select makes that strategy its default.

python -m saccade_training.record_measurement --bundle models/NAME --summary summary.json \
    --strategy ensemble --m 0.01 --select
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


def strategy_of(name: str, m: float, steps: int) -> dict[str, Any]:
    return {"ensemble": {"name": name, "m": m}, "receding": {"name": name, "steps": steps}}.get(
        name, {"name": name}
    )


def key_of(strategy: dict[str, Any]) -> str:
    """ensemble-m0.01, receding-steps10, latest."""
    return "-".join([strategy["name"], *(f"{k}{v}" for k, v in strategy.items() if k != "name")])


def record(bundle: Path, summary: dict[str, Any], strategy: dict[str, Any], select: bool) -> dict[str, Any]:
    path = bundle / "policy.yaml"
    if not path.exists():
        raise ConfigError(f"{path} does not exist: export a policy to {bundle} first")
    manifest = yaml.safe_load(path.read_text())
    manifest["provenance"].setdefault("measured", {})[key_of(strategy)] = summary
    if select:
        manifest["strategy"] = strategy
    write_manifest(bundle, to_yaml(manifest))
    return manifest


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Record a measured success in a bundle's manifest.")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--summary", type=Path, required=True, help="JSON object of the evaluation")
    parser.add_argument("--strategy", choices=["ensemble", "receding", "latest"], required=True)
    parser.add_argument("--m", type=float, default=0.01, help="of ensemble")
    parser.add_argument("--steps", type=int, default=10, help="of receding")
    parser.add_argument("--select", action="store_true", help="make this the bundle's strategy")
    args = parser.parse_args(argv)
    try:
        try:
            summary = json.loads(args.summary.read_text())
        except (OSError, json.JSONDecodeError) as error:
            raise ConfigError(f"{args.summary} cannot be read as JSON: {error}") from error
        strategy = strategy_of(args.strategy, args.m, args.steps)
        record(args.bundle, summary, strategy, args.select)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(
        f"{args.bundle / 'policy.yaml'}: recorded {key_of(strategy)}"
        + (" and selected it" if args.select else "")
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
