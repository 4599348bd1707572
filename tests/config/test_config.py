"""Configs: overrides, errors, digests, bundled files."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evolife.config.bundled import bundled_configs
from evolife.config.layers import Origins
from evolife.config.located import config_digest
from evolife.config.model import RunConfig, control_config, load_config
from evolife.config.yaml_file import read_yaml
from evolife.errors import InvalidInput

pytestmark = pytest.mark.fast

MINIMAL = """\
name: small
env: {name: bandit, arms: 3}
agent:
  name: gru
  hidden: 32
lifetime: {steps: 10}
population: {size: 8}
generations: 2
"""


def write(tmp_path: Path, text: str, name: str = "run.yaml") -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def refusal(config: str, *overrides: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        load_config(config, overrides)
    return str(caught.value)


def test_defaults_are_written_out_in_the_order_of_the_model(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, MINIMAL))
    data = read_yaml(Path(write(tmp_path, config.to_yaml(), "out.yaml"))).data
    assert list(data) == list(RunConfig.model_fields)
    assert data["strategy"] == {"name": "low_rank"}
    assert data["lifetime"] == {
        "steps": 10,
        "lives": 1,
        "bins": 32,
        "same_lives": False,
    }
    best = {"keep": 8, "lives": 64, "archive": 32, "operator": ""}
    assert data["best_of_k"] == best


@pytest.mark.parametrize(
    ("overrides", "agent"),
    [
        (["agent.hidden=64"], {"name": "gru", "hidden": 64}),
        (["agent.rate=1e-3"], {"name": "gru", "hidden": 32, "rate": 1e-3}),
        (["agent.mode=on"], {"name": "gru", "hidden": 32, "mode": "on"}),
        (["agent={hidden: 8}"], {"name": "gru", "hidden": 8}),
        (["agent={name: gru, hidden: 8}"], {"name": "gru", "hidden": 8}),
        (["agent.name=gru"], {"name": "gru", "hidden": 32}),
        (["agent.name=reflex"], {"name": "reflex"}),
        (["agent.hidden=[4]", "agent.name=reflex"], {"name": "reflex", "hidden": [4]}),
        (["agent.name=reflex", "agent.hidden=[4]"], {"name": "reflex", "hidden": [4]}),
        (["agent.hidden=1", "agent.hidden=2"], {"name": "gru", "hidden": 2}),
    ],
)
def test_overrides_keep_types_and_drop_other_plugins_keys(
    tmp_path: Path, overrides: list[str], agent: dict[str, Any]
) -> None:
    config = load_config(write(tmp_path, MINIMAL), overrides)
    found = {"name": config.agent.name} | config.agent.settings
    assert found == agent
    assert {k: type(v) for k, v in found.items()} == {
        k: type(v) for k, v in agent.items()
    }


def test_the_default_strategy_can_be_overridden_key_by_key(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, MINIMAL), ["strategy.rank=2"])
    assert config.strategy.name == "low_rank"
    assert config.strategy.settings == {"rank": 2}


BAD_VALUES = [
    ("population.size=-5", "population.size = -5: must be an integer from 1 to 167772"),
    ("population.size=1000000000000", "must be an integer from 1 to 16777216"),
    ("lifetime.steps=2000000000", "must be an integer from 1 to 1073741824"),
    ("lifetime.lives=9999999999", "must be an integer from 1 to 1048576"),
    ("generations=4294967296", "generations = 4294967296: must be an integer from 1"),
    ("population.size=1.0", "population.size = 1.0: must be an integer"),
    ("population.size='3'", 'population.size = "3": must be an integer'),
    ("population.size=true", "population.size = true: must be an integer"),
    ("population.size=.nan", "population.size = NaN: must be a finite number"),
    ("population.size=", "population.size = null: must be an integer"),
    ("lifetime.bins=2000", "lifetime.bins = 2000: must be an integer from 1 to 1024"),
    ("lifetime.same_lives=on", 'lifetime.same_lives = "on": must be true or false'),
    ("lifetime.same_lives=1", "lifetime.same_lives = 1: must be true or false"),
    ("seed=4294967296", "seed = 4294967296: must be an integer from 0 to 4294967295"),
    ("name=../x", 'name = "../x": must be text that matches'),
    ("claim=3", "claim = 3: must be text"),
    ("agent=gru", 'agent = "gru": must be a mapping, as in {name: ...}'),
    ("agent.name=''", 'agent.name = "": must be text, not empty'),
    ("agent.x=[1, .inf]", "agent.x[1] = Infinity: must be a finite number"),
    ("plugins=[1]", "plugins[0] = 1: must be text"),
    ("control=3", "control = 3: must be a mapping, or null"),
    ("best_of_k.archive=4", "archive (4) must be at least keep (8)"),
    ("lifetme.steps=3", "lifetme: unknown key; allowed: name, env, wrap"),
    ("lifetime.setps=3", "lifetime.setps: unknown key; allowed: steps, lives"),
    ("control.agnt.hidden=3", "control.agnt: unknown key"),
    ("control.population.size=0", "control.population.size = 0: must be an integer"),
    ("control.control=null", "control.control: a control has no control of its own"),
]


@pytest.mark.parametrize(("override", "message"), BAD_VALUES)
def test_a_bad_override_is_one_line_with_its_origin(
    tmp_path: Path, override: str, message: str
) -> None:
    text = refusal(write(tmp_path, MINIMAL), override)
    assert text.startswith(f"override {override}: ")
    assert message in text
    assert len(text.splitlines()) == 1


def test_unknown_keys_name_the_nearest(tmp_path: Path) -> None:
    text = refusal(write(tmp_path, MINIMAL), "lifetme.steps=3")
    assert text.endswith("did you mean 'lifetime'?")


def test_every_problem_of_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    broken = MINIMAL.replace("size: 8", "size: -5, tle: 4").replace("steps: 10", "")
    path = write(tmp_path, broken + "checkpoint: {every: .inf}\n")
    lines = sorted(refusal(path).splitlines())
    assert len(lines) == 4
    assert lines[0].startswith(f"{path}:6: lifetime.steps: missing; set it to: T")
    assert lines[1].startswith(f"{path}:7: population.size = -5: must be")
    assert lines[2].startswith(f"{path}:7: population.tle: unknown key")
    assert lines[2].endswith("did you mean 'tile'?")
    assert lines[3].startswith(f"{path}:9: checkpoint.every = Infinity")


def test_a_missing_section_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL.replace("env: {name: bandit, arms: 3}\n", ""))
    assert refusal(path).startswith(f"{path}: env: missing; set it to: Environment")


def test_anchors_work(tmp_path: Path) -> None:
    text = MINIMAL.replace("arms: 3", "arms: &n 3").replace("hidden: 32", "hidden: *n")
    assert load_config(write(tmp_path, text)).agent.settings == {"hidden": 3}


def test_unreadable_paths_are_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(str(tmp_path))
    assert "no such file" in refusal(str(tmp_path / "none.yaml"))
    assert refusal("dmeo").endswith("did you mean 'demo'?")
    assert refusal("demo.yml").endswith("did you mean 'demo'?")


@pytest.mark.parametrize(
    "override", ["seed", "=3", "a..b=1", "3x=1", "agent.hidden=[1"]
)
def test_malformed_overrides_are_quoted(tmp_path: Path, override: str) -> None:
    assert refusal(write(tmp_path, MINIMAL), override).startswith(
        f"override '{override}': "
    )


def test_control_follows_the_rule_of_overrides(tmp_path: Path) -> None:
    text = MINIMAL + "control: {agent: {name: reflex, width: [32]}, seed: 3}\n"
    config = load_config(write(tmp_path, text))
    control = control_config(config)
    assert control is not None
    assert control.name == "small-control"
    assert (control.agent.name, control.agent.settings) == ("reflex", {"width": [32]})
    assert (control.seed, control.env, control.control) == (3, config.env, None)
    assert control_config(control) is None
    same = load_config(
        write(tmp_path, text), ["control.agent={name: gru, learns: false}"]
    )
    same_control = control_config(same)
    assert same_control is not None
    assert same_control.agent.settings == {"hidden": 32, "learns": False}


def test_digest_is_of_what_determines_the_evolution(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    digest = config_digest(load_config(path))
    for override in (
        "generations=9",
        "name=other",
        "claim=x",
        "best_of_k.keep=2",
        "checkpoint.every=3",
        "record.every=7",
        "control={seed: 2}",
        "plugins=[]",
    ):
        assert config_digest(load_config(path, [override])) == digest, override
    changed = [
        config_digest(load_config(path, [override]))
        for override in (
            "seed=1",
            "env.arms=4",
            "agent.hidden=33",
            "lifetime.steps=11",
            "lifetime.same_lives=true",
            "population.tile=32",
            "population.size=9",
            "strategy.sigma=0.2",
            "selection.name=raw",
        )
    ]
    assert len({digest, *changed}) == 10


def test_plugin_folders_are_relative_to_the_file_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep" / "mine").mkdir(parents=True)
    path = write(tmp_path, MINIMAL + "plugins: [mine]\n", "deep/run.yaml")
    config = load_config(path, plugins=["yours", "deep/mine"])
    assert config.plugins == (str(tmp_path / "deep/mine"), str(tmp_path / "yours"))


def test_configs_are_frozen_and_origins_are_no_setting(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, MINIMAL))
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 3
    assert config == load_config(write(tmp_path, MINIMAL, "other.yaml"), ["seed=0"])
    assert Origins({"a": "x"}) == Origins({"a": "y"})


@pytest.mark.parametrize("name", sorted(bundled_configs()))
def test_bundled_configs_load_and_make_a_claim(name: str) -> None:
    config = load_config(name)
    assert config.claim
    first = bundled_configs()[name].read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../schema.json"


def test_config_does_not_import_jax() -> None:
    code = "import sys, evolife.config; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
