"""A sweep's results on several tasks, side by side."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from saccade_training.sweep_table import Outcome
from saccade_training.sweep_tasks import TaskResults, difference, main, read_results


def policies(row: str, *successes: int) -> list[Outcome]:
    return [
        Outcome(seed, f"out/{row}/seed-{seed}/bundle", 50, 10, 2.0, 0.1, 50, n, 3.0, 4.0, [], None)
        for seed, n in enumerate(successes, 1)
    ]


def write(path: Path, task: str, **rows: list[Outcome]) -> Path:
    found = {row: [asdict(o) for o in outcomes] for row, outcomes in rows.items()}
    path.write_text(json.dumps({"task": task, "reference": "A", "policies": found}))
    return path


def test_tasks_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = policies("A", 10, 20, 30), policies("B", 20, 30, 40)
    files = [
        write(tmp_path / "lift.json", "lift", A=a, B=b, again=a),
        write(tmp_path / "push.json", "push", A=b, B=policies("B", 40, 50, 50), again=b, extra=a),
    ]
    assert main([str(file) for file in files]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| row | lift | push | − A, mean |"
    assert lines[2] == "| A | 40.0 % (20 / 40 / 60) | 60.0 % (40 / 60 / 80) | – |"
    assert lines[4].endswith("| – |")  # the policies of A
    assert lines[5] == "| extra | – | 40.0 % (20 / 40 / 60) | – |"
    than = difference([read_results(file) for file in files], "B", "A")
    assert than is not None
    assert than.mean == pytest.approx((0.2 + (28 / 30 - 0.6)) / 2)
    assert lines[3].endswith(f"| +27 ± {100 * than.half_width95:.0f} |")
    assert main([*map(str, files), "--against", "B", "--rows", "A"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("− B, mean |")
    assert len(lines) == 3


def test_two_tasks_alike_tell_more_than_one() -> None:
    one = TaskResults("lift", "A", {"A": policies("A", 10, 20, 30), "B": policies("B", 20, 30, 40)})
    alone, twice = difference([one], "B", "A"), difference([one, one], "B", "A")
    assert alone is not None and twice is not None
    assert alone.mean == twice.mean == pytest.approx(0.2)
    # t of 4 degrees of freedom, of 8 for the two together
    dispersion = 50 * (0.08 / 0.24 + 0.08 / 0.24) / 4
    variance = dispersion * (61 * 91 + 91 * 61) / 152**2 / 150
    assert alone.half_width95 == pytest.approx(2.7764 * variance**0.5, rel=1e-4)
    assert twice.half_width95 == pytest.approx(2.3060 * (variance / 2) ** 0.5, rel=1e-4)


def test_rows_that_share_policies_count_once_in_the_spread() -> None:
    rows = {
        "A": policies("A", 10, 20, 30),
        "again": policies("A", 10, 20, 30),
        "B": policies("B", 20, 20, 20),
    }
    spread = TaskResults("lift", "A", rows).spread
    assert spread is not None
    assert (spread.freedom, spread.dispersion) == pytest.approx((4, 50 * 0.08 / 0.24 / 4))


def test_what_is_no_result_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.json").write_text("{}")
    assert main([str(tmp_path / "x.json")]) == 2
    assert "x.json is not the results.json of a sweep" in capsys.readouterr().err
    file = write(tmp_path / "lift.json", "lift", A=policies("A", 1))
    assert main([str(file), "--against", "Z"]) == 2
    assert "Z is no row of" in capsys.readouterr().err
