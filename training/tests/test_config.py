"""The configuration: strict, and every refusal names the file and the key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from saccade_training.config import Config, ConfigError, FlowConfig, from_dict, load_config, to_dict

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_shipped_configs_load_and_are_named_after_their_file(path: Path) -> None:
    assert load_config(path).name == path.stem


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_a_config_survives_being_written_and_read(path: Path) -> None:
    config = load_config(path)
    assert from_dict(yaml.safe_load(yaml.safe_dump(to_dict(config)))) == config


def test_off_may_be_written_bare() -> None:
    # YAML 1.1 reads a bare off as false
    config = from_dict(yaml.safe_load("policy: { flow: { method: off } }"))
    assert config.policy.flow.method == "off"


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("")
    assert load_config(path) == Config()


@pytest.mark.parametrize(
    ("text", "key", "advice"),
    [
        ("polcy: {}", "polcy", "use one of name, data, policy, pretrain, train"),
        ("data: { cameras: { top: overview } }", "data.cameras.top", "choose one of wrist_detail"),
        ("policy: { flow: { methd: off } }", "policy.flow.methd", "use one of method"),
        ("policy: { flow: { method: farneback } }", "policy.flow.method", "choose one of off, lucas_kanade"),
        ("policy: { flow: { method: [off] } }", "policy.flow.method", "choose one of"),
        ("policy: { flow: { range_px: 50 } }", "policy.flow.range_px", "from 10 to 40"),
        ("policy: { flow: { range_px: .nan } }", "policy.flow.range_px", "finite number"),
        ("policy: { flow: { window: 6 } }", "policy.flow.window", "odd"),
        ("policy: { flow: { regularisation: 0 } }", "policy.flow.regularisation", "above 0"),
        ("policy: { flow: { channels: [8, 8] } }", "policy.flow.channels", "give 4"),
        ("policy: { flow: { channels: [8, 8, 8, x] } }", "policy.flow.channels[3]", "whole number"),
        ("policy: { flow: { channels: 8 } }", "policy.flow.channels", "list"),
        ("policy: { flow: { method: raft_small } }", "policy.flow.weights", "give one or set method"),
        ("policy: { backbone: { strides: [2] } }", "policy.backbone.channels", "as many of each"),
        ("policy: { backbone: { channels: [8, 16, 28, 8] } }", "policy.backbone.channels", "multiples of 8"),
        ("policy: { backbone: { weights: x.pth } }", "policy.backbone.weights", "resnet18"),
        ("policy: { mp: { weights: shared, fusion: mlp } }", "policy.mp.weights", "the same mechanism"),
        ("policy: { mp: { enabled: 1 } }", "policy.mp.enabled", "true or false"),
        ("policy: { mp: { dim: 30, heads: 4 } }", "policy.mp.heads", "does not divide dim 30"),
        ("policy: { cameras: { grids: { head: 2 } } }", "policy.cameras.grids", "wrist_detail"),
        ("policy: { cameras: { grids: 3 } }", "policy.cameras.grids", "mapping"),
        ("policy: { cameras: { heads: 3 } }", "policy.cameras.heads", "does not divide act.d 128"),
        ("policy: { cameras: { dropout: 1 } }", "policy.cameras.dropout", "from 0 to 0.9"),
        ("policy: { cameras: { edges: [a_from_b] } }", "policy.cameras.edges", "give query_from_key"),
        ("policy: { cameras: { broadcast: [state, state] } }", "policy.cameras.broadcast", "name each once"),
        ("policy: { cameras: { broadcast: [goal] } }", "policy.cameras.broadcast[0]", "choose one of state"),
        ("policy: { mp: { aggregation: none } }", "policy.mp.aggregation", "choose one of averages"),
        ("policy: { mp: { frozen: true } }", "policy.mp.frozen", "give a file of pre-trained ones"),
        ("policy: { memory: { enabled: true, heads: 3 } }", "policy.memory.heads", "does not divide act.d"),
        ("policy: { memory: { length: 0 } }", "policy.memory.length", "≥ 1"),
        ("policy: { act: { vq: true, cvae: false } }", "policy.act.vq", "set both to true"),
        ("policy: { act: { vq_dim: 1 } }", "policy.act.vq_dim", "≥ 2"),
        ("pretrain: { static: 2 }", "pretrain.static", "from 0 to 1"),
        ("pretrain: { channels: [8, 28] }", "pretrain.channels", "multiples of 8"),
        ("train: { patience: -1 }", "train.patience", "≥ 0"),
        ("policy: { act: { heads: 5 } }", "policy.act.heads", "does not divide d 128"),
        ("policy: { act: { chunk: 0 } }", "policy.act.chunk", "≥ 1"),
        ("policy: { act: 3 }", "policy.act", "mapping of keys to values"),
        (
            "policy: { cameras: { pooling: saliency, heads: 2 }, act: { d: 12, heads: 2 } }",
            "policy.act.d",
            "multiple of 8",
        ),
        ("train: { lr: fast }", "train.lr", "finite number"),
        ("train: { lr: 0 }", "train.lr", "above 0"),
        ("train: { batch: 0 }", "train.batch", "≥ 1"),
        ("train: { ema: 2 }", "train.ema", "from 0 to 1"),
        ("train: { augment: { shift_px: -1 } }", "train.augment.shift_px", "≥ 0"),
        ("name: 3", "name", "text"),
    ],
)
def test_a_bad_value_is_refused_in_one_sentence(tmp_path: Path, text: str, key: str, advice: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {key} ")
    assert advice in message
    assert "\n" not in message


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2"], ids=["syntax", "list"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.yaml") as caught:
        load_config(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml does not exist"):
        load_config(tmp_path / "none.yaml")


def test_defaults_are_the_documents() -> None:
    flow = FlowConfig()
    assert flow.range_px == 20
    assert flow.channels == (64, 128, 256, 512)
    policy = Config().policy
    assert policy.cameras.mode == "spatial"
    assert policy.cameras.grids == {"wrist_detail": 6, "wrist_context": 4, "global_overview": 2}
    assert policy.mp.patch == 16


def test_the_readme_lists_every_option_with_its_default() -> None:
    def leaves(value: object, key: str = "") -> dict[str, object]:
        if not isinstance(value, dict) or not value or key.endswith("grids"):
            return {key: value}
        return {k: v for name, child in value.items() for k, v in leaves(child, f"{key}.{name}").items()}

    readme = (CONFIGS[0].parents[1] / "README.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9_.]+)` \| `(.*?)` \|", readme, flags=re.MULTILINE)
    documented = {f".{key}": yaml.safe_load(default) for key, default in rows}
    assert documented == leaves(to_dict(Config()))
