"""A sweep: its file, what it trains and does not train again, its table and its pictures."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
import torch
import yaml
from synthetic import CAMERAS, JOINTS, write_demos
from tiny import TINY, TRAIN, tiny_policy

from saccade_training import sweep as sweeping
from saccade_training.config import ConfigError
from saccade_training.dataset import Demonstrations
from saccade_training.pictures import decoder_attention, m_share, success_lines
from saccade_training.policy import relative_joints
from saccade_training.sweep import main
from saccade_training.sweep_file import load_sweep
from saccade_training.sweep_table import Outcome, Spread, summarise, table, wilson95

ABLATION = Path(__file__).parents[1] / "sweeps" / "ablation.yaml"

# Stands in for the npm package, which these tests do without: it writes a summary as `saccade rollout` does,
# with as many successes as the number that the policy's name ends with.
ROLLOUT = """
import json, sys, yaml
from pathlib import Path
asked = dict(zip(sys.argv[2::2], sys.argv[3::2]))
manifest = yaml.safe_load((Path(asked["--policy"]) / "policy.yaml").read_text())
n, first = int(asked["--episodes"]), int(asked["--seed"])
wins = int(manifest["name"][-1])
results = [
    {"seed": first + i, "success": i < wins, "return": 2.0 * (i < wins), "stop": "success",
     "highest_reward": 1 + 3 * (i < wins), "metrics": {"position_error_m": 0.01 * (i + 1)}}
    for i in range(n)
]
run = {"task": asked["--task"], "episodes": n, "seed": first, "strategy": {"name": asked["--strategy"]},
       "graph_sha256": manifest["graph"]["sha256"]}
summary = {"results": results, "average_return": 2.0 * wins / n, "run_ms": {"p50": 4.0}, "run": run}
Path(asked["--out"]).mkdir(parents=True)
(Path(asked["--out"]) / "summary.json").write_text(json.dumps(summary))
"""

ROWS: list[dict[str, Any]] = [
    {"group": "aggregation", "name": "A", "policy": {"mp": {"aggregation": "averages"}}, "predicted": "74 %"},
    {"group": "aggregation", "name": "C"},
    {"group": "same", "name": "again", "like": "C", "seeds": [1]},
    {"group": "few", "name": "C_2", "like": "C", "demonstrations": 2, "seeds": [1]},
    {"group": "few", "name": "C_3", "like": "C", "demonstrations": 3, "seeds": [1]},
]


def write_sweep(folder: Path, rows: list[dict[str, Any]] | None = None, **changes: Any) -> Path:
    base = {"name": "base", "policy": TINY, "train": {**TRAIN, "steps": 2}}
    (folder / "base.yaml").write_text(yaml.safe_dump(base))
    robot = {"rate_hz": 20, "joints": [{"name": j} for j in JOINTS], "cameras": CAMERAS}
    (folder / "robot.yaml").write_text(yaml.safe_dump(robot))
    (folder / "rollout.py").write_text(ROLLOUT)
    sweep = {
        "name": "small",
        "base": "base.yaml",
        "reference": "A",
        "seeds": [1, 2],
        "evaluate": {"episodes": 4},
        "tasks": {
            "push": {"robot": "robot.yaml"},
            "pull": {"robot": "robot.yaml", "policy": {"act": {"absolute": []}}},
        },
        "rows": ROWS if rows is None else rows,
        **changes,
    }
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump(sweep, sort_keys=False))
    return path


def command(folder: Path, demos: Path, *options: str) -> list[str]:
    saccade = f"{sys.executable} {folder / 'rollout.py'}"
    where = [f"--sweep={folder / 'sweep.yaml'}", f"--data={demos}", f"--out={folder / 'out'}"]
    return [*where, f"--saccade={saccade}", *options]


# -- a sweep from end to end -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def swept(demos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    write_sweep(folder)
    assert main(command(folder, demos)) == 0
    return folder


def test_each_config_is_trained_once_for_each_seed(swept: Path) -> None:
    trained = sorted(str(p.parent.relative_to(swept / "out")) for p in swept.glob("out/*/*/bundle"))
    assert trained == ["A/seed-1", "A/seed-2", "C/seed-1", "C/seed-2", "C_2/seed-1", "C_3/seed-1"]
    results = json.loads((swept / "out/results.json").read_text())
    assert [len(results["policies"][name]) for name in ("A", "C", "again", "C_2")] == [2, 2, 1, 1]
    assert results["policies"]["again"][0] == results["policies"]["C"][0]
    architecture = yaml.safe_load((swept / "out/A/seed-1/bundle/policy.yaml").read_text())["provenance"]
    assert architecture["architecture"]["mp"]["aggregation"] == "averages"
    assert architecture["dataset"]["episodes"] == 4
    few = yaml.safe_load((swept / "out/C_2/seed-1/bundle/policy.yaml").read_text())["provenance"]
    assert few["dataset"]["episodes"] == 2


def test_the_table_has_intervals_and_ratios(swept: Path) -> None:
    rows = {r["name"]: r for r in json.loads((swept / "out/results.json").read_text())["rows"]}
    a, c = rows["A"], rows["C"]
    # policies named …-seed-1 and …-seed-2 succeed in one and in two episodes of four
    assert (a["episodes"], a["success_rate"]) == (8, 3 / 8)
    assert a["success_by_seed"] == [0.25, 0.5]
    assert a["success_ci95"] == pytest.approx(list(wilson95(3, 8)))
    assert a["average_return"] == 0.75
    assert a["position_error_m"] == pytest.approx(0.025)
    assert a["parameters_ratio"] == a["run_ms_ratio"] == 1
    assert c["parameters_ratio"] == c["parameters"] / a["parameters"] != 1
    text = (swept / "out/table.md").read_text()
    assert "| A | 37.5 % [13.7, 69.4] | – | 25 / 50 | 0.8 | 2.12 | 2.50 cm |" in text
    # four episodes a policy, and two seeds a row, tell nothing
    assert c["success_difference_ci95"] == [-1, 1]
    assert "| -100 … +100 % |" in text
    assert "1.0 times the variance of so many episodes drawn by chance (all rows with several" in text
    assert "2 degrees of freedom), at 50 % success a standard deviation of 25 points" in text
    assert "74 %" in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## aggregation",
        "## same",
        "## few",
    ]
    with (swept / "out/table.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["name"] for line in lines] == ["A", "C", "again", "C_2", "C_3"]
    assert [line["demonstrations"] for line in lines] == ["4", "4", "4", "2", "3"]
    assert float(lines[0]["success_rate"]) == 0.375


def test_the_pictures_are_drawn(swept: Path) -> None:
    for name in ("attention", "m_versus_p", "success_by_demonstrations"):
        image = matplotlib.image.imread(swept / "out" / f"{name}.png")
        assert min(image.shape[:2]) > 100
        assert image[..., :3].std() > 0.05


def test_success_is_drawn_over_rows_that_differ_in_their_demonstrations_alone(swept: Path) -> None:
    sweep = load_sweep(swept / "sweep.yaml")
    lines = success_lines(sweep, sweeping.outcomes(sweep, swept / "out"))
    assert list(lines) == ["C"]
    assert [point["demonstrations"] for point in lines["C"]] == [2, 3, 4]
    # of C, which has two training seeds, only the one that the others have
    assert [(point["seeds"], point["episodes"]) for point in lines["C"]] == [([1], 4)] * 3


def test_run_again_it_does_nothing_again(
    swept: Path, demos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (swept / "out/results.json").read_text()

    def never(*_: Any) -> None:
        raise AssertionError("trained or evaluated again")

    monkeypatch.setattr(sweeping, "Trainer", never)
    monkeypatch.setattr(sweeping, "rollout", lambda *_: never)
    assert main(command(swept, demos)) == 0
    assert (swept / "out/results.json").read_text() == before
    assert "[6/6]" in capsys.readouterr().out


def test_interrupted_it_goes_on_where_it_was(
    swept: Path, demos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sweep(tmp_path, rows=ROWS[:1])
    real = sweeping.rollout
    calls: list[Path] = []

    def stops(*arguments: Any) -> Any:
        def run(bundle: Path, out: Path) -> None:
            calls.append(bundle)
            if len(calls) == 2:
                out.mkdir()  # what a killed evaluation leaves
                raise KeyboardInterrupt
            real(*arguments)(bundle, out)

        return run

    monkeypatch.setattr(sweeping, "rollout", stops)
    assert main(command(tmp_path, demos)) == 130
    assert main(command(tmp_path, demos)) == 0
    assert [bundle.parent.name for bundle in calls] == ["seed-1", "seed-2", "seed-2"]

    def policies(folder: Path) -> Any:
        found = json.loads((folder / "out/results.json").read_text())["policies"]["A"]
        return [{**o, "bundle": None, "train_cpu_minutes": None} for o in found]

    assert policies(tmp_path) == policies(swept)


def test_a_task_has_its_own_robot_overrides_and_rows(tmp_path: Path) -> None:
    path = write_sweep(tmp_path, rows=[*ROWS[:2], {"name": "pushed", "like": "C", "tasks": ["push"]}])
    push, pull = load_sweep(path), load_sweep(path, "pull")
    assert (push.task, pull.task) == ("push", "pull")
    assert push.robot == pull.robot == tmp_path / "robot.yaml"
    assert list(push.trials) == ["A", "C", "pushed"]
    assert list(pull.trials) == ["A", "C"]
    assert push.trials["A"][0].config.policy.act.absolute == ("gripper",)
    assert pull.trials["A"][0].config.policy.act.absolute == ()
    assert pull.trials["A"][0].config.policy.mp.aggregation == "averages"


def test_processes_on_one_folder_share_its_policies(
    demos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sweep(tmp_path, rows=ROWS[:1])
    with sweeping.claimed(tmp_path / "out/A/seed-1") as mine:
        assert mine
        assert main(command(tmp_path, demos)) == 0  # leaves alone what is held here
    assert "[1/2] A seed 1: another process has it" in capsys.readouterr().out
    done = json.loads((tmp_path / "out/results.json").read_text())
    assert [policy["seed"] for policy in done["policies"]["A"]] == [2]
    assert main(command(tmp_path, demos)) == 0  # let go, it is done
    done = json.loads((tmp_path / "out/results.json").read_text())
    assert [policy["seed"] for policy in done["policies"]["A"]] == [1, 2]


def test_rows_can_be_chosen_and_their_cost_estimated(
    demos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sweep(tmp_path)
    assert main(command(tmp_path, demos, "--estimate=1", "--rows", "C", "again")) == 0
    out = capsys.readouterr().out
    assert "C seed 1: " in out and "ms a step" in out and "2 policies: " in out
    assert not (tmp_path / "out").exists()


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "changes", "message"),
    [
        ([{"name": "A", "policy": {"flw": {}}}], {}, "row A: policy.flw is not a known key"),
        ([{"name": "A", "train": {"lr": 0}}], {}, "row A: train.lr is 0"),
        ([{"name": "A"}, {"name": "A"}], {}, "rows has the name A twice"),
        ([{"name": "B"}], {}, "reference is A, which is no row"),
        ([{"name": "A", "like": "C"}], {}, "row A is like C, which is no row before it"),
        ([{"name": "a b"}], {}, "name is 'a b'"),
        ([{"group": "x"}], {}, "a row lacks its name"),
        ([{"name": "A"}], {"seeds": []}, "seeds is empty"),
        ([{"name": "A"}], {"base": "none.yaml"}, "none.yaml does not exist"),
        ([{"name": "A"}], {"extra": 1}, "extra is not a known key"),
        ([{"name": "A", "demonstrations": 9}], {}, "row A wants 9 demonstrations, .* has 4"),
        ([{"name": "A"}], {"tasks": {"push": {"robot": "no.yaml"}}}, "no.yaml does not exist"),
        ([{"name": "A"}], {"tasks": {"push": {}}}, "a task its robot"),
        ([{"name": "A"}], {"tasks": {}}, "tasks is empty"),
        ([{"name": "A"}, {"name": "B", "tasks": ["lift"]}], {}, "row B is for lift, which is none of tasks"),
        ([{"name": "A", "tasks": ["push"]}], {}, "row A is the reference"),
        ([{"name": "A"}], {"evaluate": {"workers": 0}}, "workers is 0"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_in_one_line(
    demos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    rows: list[dict[str, Any]],
    changes: dict[str, Any],
    message: str,
) -> None:
    write_sweep(tmp_path, rows, **changes)
    assert main(command(tmp_path, demos)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(message, error), error


def test_a_folder_of_another_sweep_is_refused(
    swept: Path, demos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sweep(tmp_path, rows=[{**ROWS[0], "train": {"lr": 0.5}}])
    out = f"--out={swept / 'out'}"
    assert main([*command(tmp_path, demos), out]) == 2
    assert "config.yaml is not what the sweep says now" in capsys.readouterr().err


def test_what_was_trained_or_evaluated_otherwise_is_refused(
    swept: Path, demos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"--out={swept / 'out'}"
    for options, changes, message in (
        (
            ["--task=pull"],
            {"tasks": {"pull": {"robot": "robot.yaml"}}},
            "has task push, the sweep asks for pull",
        ),
        ([], {"evaluate": {"episodes": 5}}, "has episodes 4, the sweep asks for 5: remove"),
        ([], {"evaluate": {"episodes": 4, "seed": 7}}, "has seed 300000, the sweep asks for 7"),
        (
            [],
            {"evaluate": {"episodes": 4, "strategy": "latest"}},
            "has strategy ensemble, the sweep asks for",
        ),
    ):
        write_sweep(tmp_path, rows=ROWS[:1], **changes)
        assert main([*command(tmp_path, demos), out, *options]) == 2
        assert message in capsys.readouterr().err
    other = write_demos(tmp_path / "other", episodes=4, steps=11, size=32)
    write_sweep(tmp_path, rows=ROWS[:1])
    assert main([*command(tmp_path, other), out]) == 2
    assert "was trained on other demonstrations" in capsys.readouterr().err


def test_a_config_of_before_a_key_came_is_the_same(swept: Path, demos: Path) -> None:
    path = swept / "out/A/seed-1/config.yaml"
    before = yaml.safe_load(path.read_text())
    del before["policy"]["memory"]["layers"]
    path.write_text(yaml.safe_dump(before))
    assert main(command(swept, demos)) == 0


def test_an_evaluation_that_fails_says_why(
    demos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sweep(tmp_path, rows=ROWS[:1], seeds=[1])
    (tmp_path / "rollout.py").write_text("import sys; sys.exit('error: no such task')")
    assert main(command(tmp_path, demos)) == 2
    assert "bundle failed: error: no such task" in capsys.readouterr().err
    assert main([*command(tmp_path, demos), "--saccade=/no/such/command"]) == 2
    assert "--saccade /no/such/command cannot be run" in capsys.readouterr().err


# -- the shipped sweep -----------------------------------------------------------------------------


def test_the_shipped_ablation_has_the_rows_of_the_specification() -> None:
    sweep = load_sweep(ABLATION)
    assert list(sweep.file.tasks) == ["pick_lift", "pick_at_xy", "place_left_of", "transfer_cube"]
    for task in sweep.file.tasks:
        other = load_sweep(ABLATION, task)
        joints = [joint["name"] for joint in yaml.safe_load(other.robot.read_text())["joints"]]
        assert relative_joints(other.trials["C"][0].config.policy, joints).sum() == len(joints) * 6 / 7
        # equal budgets
        assert len({(t[0].config.train.steps, t[0].config.train.batch) for t in other.trials.values()}) == 1
    mps = [(t[0].config.policy.mp.aggregation) for name, t in sweep.trials.items() if name in "ABCD"]
    assert mps == ["averages", "averages_fc", "pixelwise", "all_patches"]
    configs = [t[0].config.policy for t in sweep.trials.values()]
    assert {c.mp.fusion for c in configs} == {"fc", "mlp", "attention", "gating"}
    assert {c.flow.fusion for c in configs} == {"concat", "alpha", "attention"}
    assert {c.cameras.mode for c in configs} == {"spatial", "pooled", "plain"}
    assert {(c.flow.method, c.mp.enabled) for c in configs} == {
        (flow, mp) for flow in ("lucas_kanade", "off") for mp in (True, False)
    }
    assert {c.memory.enabled for c in configs} == {True, False}
    assert all(len(sweep.trials[name]) == 3 for name in ("A", "B", "C", "D", "memory_on", "plain", "pooled"))


# -- figures ---------------------------------------------------------------------------------------


def test_wilsons_interval() -> None:
    # src/episode/statistics.test.ts has the same figures
    assert wilson95(10, 10) == pytest.approx((0.7225, 1), abs=1e-4)
    assert wilson95(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)


def test_episodes_are_pooled_over_seeds() -> None:
    one = Outcome(1, "a", 50, 10, 2.0, 0.1, 100, 90, 3.0, 3.7, [0.01], 4.0)
    other = Outcome(2, "b", 50, 10, 4.0, 0.1, 50, 30, 1.5, 2.2, [0.03, 0.05], None)
    found = summarise([one, other])
    assert found is not None
    assert found["success_rate"] == 0.8
    assert found["average_return"] == 2.5
    assert found["highest_reward"] == pytest.approx(3.2)
    assert found["position_error_m"] == pytest.approx(0.03)
    assert found["train_cpu_minutes"] == 3
    assert found["run_ms"] == 4


def evaluated(*successes: int) -> list[Outcome]:
    return [Outcome(i, "a", 50, 10, 2.0, 0.1, 50, n, 3.0, 4.0, [], None) for i, n in enumerate(successes)]


def test_the_spread_of_training_seeds_is_pooled_over_rows() -> None:
    rows = [evaluated(20, 25, 30), evaluated(4, 6), evaluated(50, 50), evaluated(40)]
    spread = Spread.of(rows)
    assert spread is not None
    # 0.4, 0.5, 0.6 and 0.08, 0.12 of 50 episodes; nothing of one seed, or of those that all succeed
    assert spread.dispersion == pytest.approx(50 * (0.02 + 0.0008) / (2 * 0.25 + 0.09))
    assert spread.freedom == pytest.approx((2 * 0.25 + 0.09) ** 2 / (2 * 0.25**2 + 0.09**2))
    variance = spread.variance_of(rows[0])
    rate = 76 / 152
    assert variance == pytest.approx(spread.dispersion * rate * (1 - rate) / 150)
    same = Spread.of(rows[:1])
    assert same is not None and same.freedom == pytest.approx(2)
    assert same.half_width95(variance) == pytest.approx(4.3027 * variance**0.5, rel=1e-4)
    assert spread.variance_of(rows[3]) > spread.variance_of(rows[2]) > 0
    assert Spread.of(rows[2:]) is None
    alike = Spread.of([evaluated(20, 20, 20)])
    assert alike is not None and alike.dispersion == 1  # chance alone leaves as much


def test_a_rows_difference_from_the_reference_is_in_the_middle_of_its_interval() -> None:
    outcomes = {"A": evaluated(20, 25, 30), "C": evaluated(25, 30, 35)}
    spread = Spread.of(outcomes.values())
    assert spread is not None
    a, c = table(load_sweep(ABLATION, "pick_lift"), outcomes)
    assert a["success_difference_ci95"] is None
    half = spread.half_width95(sum(spread.variance_of(found) for found in outcomes.values()))
    assert 0.1 < half < 1
    assert c["success_difference_ci95"] == pytest.approx([0.1 - half, 0.1 + half])


def test_the_interval_of_a_difference_covers_what_training_seeds_do() -> None:
    """About 95 of 100 intervals hold, also of rows in the middle of which others are near 0 and 100 %."""
    rng = np.random.default_rng(0)
    means, spreads = np.array([0.5, 0.55, 0.2, 0.4, 0.02, 0.03, 0.97]), 11.5  # beta: 0.14 at 50 %
    held = []
    for _ in range(400):
        rates = rng.beta(spreads * means[:, None], spreads * (1 - means[:, None]), (7, 3))
        rows = [evaluated(*row) for row in rng.binomial(50, rates)]
        spread = Spread.of(rows)
        assert spread is not None
        found = np.array([[o.successes / 50 for o in row] for row in rows]).mean(axis=1)
        error = np.abs((found - found[0]) - (means - means[0]))[1:]
        variance = [spread.variance_of(rows[0]) + spread.variance_of(row) for row in rows[1:]]
        held.append(error <= [spread.half_width95(v) for v in variance])
    assert (np.mean(held, axis=0) >= 0.92).all()
    assert 0.92 <= np.mean(held) <= 0.97


# -- what the pictures show ------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "grid"), [("spatial", (3, 3)), ("plain", (4, 4)), ("pooled", (1, 1))])
def test_the_decoders_attention_lies_on_the_cameras_tokens(
    data: Demonstrations, mode: str, grid: tuple[int, int]
) -> None:
    policy = tiny_policy({"cameras": {"mode": mode}}).eval()
    batch = data.batch(torch.tensor([3, 8]), 1)
    found = decoder_attention(policy, batch)
    assert found["wrist_detail"].shape == (2, *grid)
    total = sum(x.sum(dim=(1, 2)) for x in found.values())
    assert ((total > 0.2) & (total < 1)).all()  # the rest is the latent's, the state's and M/P's


@pytest.mark.parametrize("fusion", ["fc", "mlp", "attention", "gating"])
def test_the_share_of_m_is_what_m_moves(data: Demonstrations, fusion: str) -> None:
    policy = tiny_policy({"mp": {"fusion": fusion, "patches": "tokens"}}).eval()
    batch = data.batch(torch.tensor([3, 8, 20]), 1)
    share = m_share(policy, batch)
    assert share.shape == (16,)
    assert ((share > 0) & (share < 1)).all()
    # a stream whose tokens are all alike, whatever is seen, moves nothing
    encoder = policy.encoder_of(policy.cameras[0])
    for still, other, expected in (
        (encoder.p_encoder, encoder.m_encoder, 1),
        (encoder.m_encoder, encoder.p_encoder, 0),
    ):
        torch.nn.init.zeros_(still.norm.weight)
        torch.nn.init.ones_(other.norm.weight)
        assert torch.allclose(m_share(policy, batch), torch.full((16,), float(expected)), atol=1e-5)


def test_a_fusion_that_ignores_m_has_no_share_of_it(data: Demonstrations) -> None:
    policy = tiny_policy().eval()
    assert policy.two_stream is not None
    fc = policy.two_stream["32x32"].aggregate.patch_fusion.fc
    with torch.no_grad():
        fc.weight[:8, :16] = 0  # the first eight dimensions read P alone, the others M alone
        fc.weight[8:, 16:] = 0
    share = m_share(policy, data.batch(torch.tensor([3, 8]), 1))
    assert torch.allclose(share[:8], torch.zeros(8), atol=1e-6)
    assert torch.allclose(share[8:], torch.ones(8), atol=1e-6)


def test_a_missing_sweep_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml does not exist: give --sweep"):
        load_sweep(tmp_path / "none.yaml")
