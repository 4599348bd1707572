"""A setting that one run states and another leaves at an equal default is the same."""

import itertools
import json
from pathlib import Path

import pytest

from evolife.config.yaml_file import dump_yaml
from evolife.reports.groups import groups
from evolife.reports.report import report
from evolife.reports.study import read_study
from tests.report_tools import Page, make_run, make_sweep, table

GRU = {"name": "gru", "hidden": 32, "sample": False}
LSTM = {"name": "lstm", "hidden": 32, "sample": False}
BACKPROP = {"name": "backprop_learner"}


def swept(path: Path, choices: list[dict], resolved: list[dict], ended=None) -> Path:
    """A sweep of two seeds a choice, whose configs say what the choices come to."""
    pairs = list(itertools.product(range(len(choices)), range(2)))
    entries = [(f"r{i}-{seed}", {**choices[i], "seed": seed}) for i, seed in pairs]
    sweep = make_sweep(path, entries)
    for i, seed in pairs:
        name = f"r{i}-{seed}"
        if ended is None or name in ended:
            make_run(sweep.run(name).path, seed=seed, **resolved[i])
    return path


def titles(path: Path) -> list[str]:
    return sorted(group.label for group in groups(read_study([path])))


def test_equal_defaults_are_shown_equally(tmp_path: Path) -> None:
    stated = {"agent": {"name": "gru", "sample": False}}
    left = {"agent": {"name": "lstm"}}
    resolved = [{"agent": GRU}, {"agent": LSTM}]
    path = swept(tmp_path / "s", [stated, left], resolved)
    assert titles(path) == ["agent gru", "agent lstm"]
    written = report([path])
    own = [json.loads(row["agent"]) for row in table(written["csv"])]
    assert {one["name"] for one in own} == {"gru", "lstm"}
    assert all(one["sample"] is False and "hidden" not in one for one in own)
    shown = {cell for row in Page(Path(written["page"])).rows for cell in row}
    assert {"gru, sample false", "lstm, sample false"} <= shown


def test_defaults_that_differ_are_shown(tmp_path: Path) -> None:
    stated = {"agent": {"name": "gru", "sample": True}}
    left = {"agent": {"name": "lstm"}}
    resolved = [{"agent": {**GRU, "sample": True}}, {"agent": LSTM}]
    path = swept(tmp_path / "s", [stated, left], resolved)
    assert titles(path) == ["agent gru · sample true", "agent lstm · sample false"]


def test_what_every_plug_in_has_that_can_have_it_is_not_said(tmp_path: Path) -> None:
    """A plug-in without such a field differs by its name, not by what it lacks."""
    agents = [GRU, LSTM, BACKPROP]
    path = swept(
        tmp_path / "s", [{"agent": a} for a in agents], [{"agent": a} for a in agents]
    )
    assert titles(path) == ["agent backprop_learner", "agent gru", "agent lstm"]
    runs = read_study([path]).runs
    assert [run.parameters["agent"] for run in runs[::2]] == agents


@pytest.mark.parametrize(
    ("given", "resolved"),
    [
        ([{"agent.hidden": 32}, {}], [{"agent": GRU}] * 2),
        ([{"agent": "gru"}, {}], [{"agent": GRU}] * 2),
        (
            [{"agent": {"name": "gru", "hidden": 32}}, {"agent": "gru"}],
            [{"agent": GRU}] * 2,
        ),
        ([{"control": None}, {}], [{"control": None}] * 2),
        ([{"wrap": []}, {}], [{"wrap": []}] * 2),
    ],
)
def test_runs_of_equal_settings_are_one_group(tmp_path: Path, given, resolved) -> None:
    path = swept(tmp_path / "s", given, resolved)
    found = groups(read_study([path]))
    assert [len(group.runs) for group in found] == [4]
    assert set(given[0]) <= set(read_study([path]).runs[-1].parameters)


def test_a_run_that_has_not_begun_stays_with_its_group(tmp_path: Path) -> None:
    stated = {"agent": {"name": "gru", "sample": False}}
    choices, resolved = (
        [stated, {"agent": {"name": "lstm"}}],
        [{"agent": GRU}, {"agent": LSTM}],
    )
    path = swept(tmp_path / "s", choices, resolved, ended=("r0-0", "r1-1"))
    assert [len(group.runs) for group in groups(read_study([path]))] == [2, 2]
    assert titles(path) == ["agent gru", "agent lstm"]


def test_a_damaged_config_changes_nothing_that_was_set(tmp_path: Path) -> None:
    stated = {"agent": {"name": "gru", "sample": False}}
    path = swept(
        tmp_path / "s",
        [stated, {"agent": {"name": "lstm"}}],
        [{"agent": GRU}, {"agent": LSTM}],
    )
    for run in (path / "runs").iterdir():
        (run / "config.yaml").write_text(dump_yaml({}) + "{")
    runs = read_study([path]).runs
    assert [run.parameters["agent"] for run in runs[::2]] == [
        stated["agent"],
        {"name": "lstm"},
    ]
