"""What is wrong with a sweep is said in one line, before anything runs."""

import json

import pytest

from evolife.cli import main
from evolife.errors import InvalidInput
from evolife.sweeps.prepare import prepare
from evolife.sweeps.spec import load_sweep
from tests.sweep_tools import sweep_file, write_sweep

SEEDS = {"seed": {"range": [0, 2]}}

WRONG_PARAMETERS = [
    ({"seed": {"min": 0, "max": 3}}, "seed: grid needs values that can be counted out"),
    ({"seed": {"vales": [1]}}, r"unknown key; .*did you mean 'value"),
    ({"seed": [1, 2]}, r"seed: must be a mapping, such as \{values: \[1, 2\]\}"),
    ({"seed": 3}, r"such as \{value: 3\}"),
    ({"seed": {}}, "give value, values, range, or min and max"),
    ({"seed": {"value": 1, "values": [2]}}, "value and values exclude each other"),
    ({"seed": {"values": []}}, "seed.values"),
    ({"seed": {"range": [3, 3]}}, "range .* holds 0 numbers"),
    ({"seed": {"range": [0, 5, 0]}}, "step of a range must not be 0"),
    ({"seed": {"range": [0.5, 2]}}, "seed.range"),
    ({"seed": {"values": [1], "probabilities": [0.5]}}, "must add up to 1"),
    ({"seed": {"values": [1], "probabilities": [0.5, 0.5]}}, "2 probabilities for 1"),
    ({"seed": {"values": [1], "q": 2}}, "q goes with q_ only"),
    ({"sed": {"value": 1}}, "unknown key; .*did you mean 'seed'"),
    ({"lifetime.stepz": {"value": 1}}, "did you mean 'steps'"),
    ({"agent.hiden": {"value": 1}}, "no such hyperparameter; .*did you mean 'hidden'"),
    ({"agent": {"values": [{"name": "gru", "arms": 2}]}}, "agent.arms: agent 'gru'"),
    ({"generations": {"values": [3, -1]}}, r"generations = -1"),
    ({"seed": {"parameters": {"x": {"value": 1}}}}, "seed"),
]

WRONG_DRAWS = [
    ({"min": 1}, "min and max go together"),
    ({"min": 2, "max": 1}, r"min \(2\) must not be above max \(1\)"),
    ({"min": 1, "max": 2, "distribution": "uniforn"}, "did you mean 'uniform'"),
    ({"min": 0, "max": 2, "distribution": "log_uniform_values"}, "min above 0"),
    ({"min": 0, "max": 5000, "distribution": "log_uniform"}, "takes logarithms"),
    ({"min": 0.5, "max": 2, "distribution": "int_uniform"}, "whole numbers"),
    ({"mu": 1, "sigma": 0, "distribution": "normal"}, "sigma"),
    ({"min": 1, "max": 2, "distribution": "normal"}, "has mu and sigma"),
    ({"value": 1, "distribution": "uniform"}, "uniform needs min and max"),
    ({"min": 1, "max": 2, "distribution": "categorical"}, "categorical needs values"),
    ({"values": [1], "distribution": "constant"}, "constant needs value"),
    ({"min": 1, "max": 2, "q": 0, "distribution": "q_uniform"}, "q"),
]

WRONG_SWEEPS = [
    ({"method": "gird"}, "must be one of"),
    ({"program": "train.py"}, "program: evolife runs its own program; .*--base"),
    ({"paramters": {}}, "did you mean 'parameters'"),
    ({"base": "bandid"}, "did you mean 'bandit'"),
    ({"method": "zip", "parameters": {**SEEDS, "generations": {"values": [1, 2, 3]}}},
     "seed has 2, generations has 3"),
    ({"method": "random", "parameters": {"seed": {"min": 0, "max": 1.0}}},
     "method random needs run_cap"),
    ({"method": "bayes"}, "method bayes needs run_cap"),
    ({"run_cap": 0}, "run_cap = 0"),
    ({"parameters": {}}, "parameters"),
    ({"metric": {"goal": "max"}}, "metric.goal"),
    ({"early_terminate": {"type": "hyperband"}}, "either min_iter, or max_iter"),
    ({"early_terminate": {"type": "hyperband", "min_iter": 3}},
     "held_out is known at the end only"),
    ({"early_terminate": {"type": "median", "min_iter": 3}}, "early_terminate.type"),
    ({"name": "a b"}, "name"),
]  # fmt: skip


@pytest.mark.parametrize(("parameters", "message"), WRONG_PARAMETERS)
def test_a_wrong_parameter_is_named(tmp_path, parameters, message):
    with pytest.raises(InvalidInput, match=message):
        prepare(str(write_sweep(tmp_path, parameters)))


@pytest.mark.parametrize(("data", "message"), WRONG_DRAWS)
def test_a_wrong_distribution_is_named(tmp_path, data, message):
    path = write_sweep(tmp_path, {"strategy.sigma": data}, method="random", run_cap=3)
    with pytest.raises(InvalidInput, match=message) as caught:
        prepare(str(path))
    assert "strategy.sigma" in str(caught.value) and f"{path}:" in str(caught.value)


@pytest.mark.parametrize(("changes", "message"), WRONG_SWEEPS)
def test_a_wrong_sweep_is_named(tmp_path, changes, message):
    settings = {"base": "bandit", "method": "grid", "parameters": SEEDS, **changes}
    with pytest.raises(InvalidInput, match=message):
        prepare(str(sweep_file(tmp_path, **settings)))


def test_a_missing_base_is_asked_for_and_may_be_given(tmp_path):
    path = str(sweep_file(tmp_path, method="grid", parameters=SEEDS))
    with pytest.raises(InvalidInput, match="base: missing; set it to: Config"):
        prepare(path)
    assert len(prepare(path, base="bandit").entries) == 2


def test_a_base_lies_beside_its_sweep(tmp_path):
    own = "env: {name: bandit}\nagent: {name: gru}\nname: own\ngenerations: 7\n"
    own += "lifetime: {steps: 10}\npopulation: {size: 8}\n"
    (tmp_path / "own.yaml").write_text(own)
    path = write_sweep(tmp_path, SEEDS, base="own.yaml")
    assert load_sweep(str(path)).base.generations == 7


def test_what_needs_a_server_is_passed_by(tmp_path):
    path = write_sweep(tmp_path, SEEDS, project="p", entity="e", description="d")
    assert load_sweep(str(path)).ignored == ("entity", "project")


def test_nothing_but_a_message_reaches_the_user(tmp_path, capsys):
    path = write_sweep(tmp_path, {"seed": {"min": 0, "max": 3}})
    with pytest.raises(SystemExit) as caught:
        main(["sweep", str(path)])
    assert caught.value.code == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("evolife: ")
    assert "Traceback" not in said.err


def test_a_dry_run_counts_and_predicts_and_makes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_sweep(tmp_path, {"seed": {"range": [0, 30]}})
    assert main(["sweep", str(path), "--dry-run", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["count"] == len(report["runs"]) == 30
    assert report["predicted"]["seconds"] > 0
    assert main(["sweep", str(path), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "30 runs, about" in told and "and 10 more" in told
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
