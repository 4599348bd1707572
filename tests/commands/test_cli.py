"""The command line: quick where it can be, one JSON document, the same bits."""

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evolife.config.bundled import bundled_configs
from evolife.plugins.schema import json_schema
from tests.cli_tools import (
    TINY,
    champions,
    digests,
    environment,
    run,
    run_here,
)

AGENTS = {
    *("reflex", "gru", "lstm", "clockwork", "linear_attention", "external_memory"),
    *("hebbian", "neuromodulated", "spiking", "learned_rule", "backprop_learner"),
}
ENVS = {"bandit", "oven", "gymnax", "recall", "tabular_mdp", "digits", "mover"}
COMMANDS = {"describe", "doctor", "evaluate", "list", "schema", "train"}
LIGHT = (["--help"], ["--version"], ["train", "--help"], ["list"])
WATCH = """
import sys
from evolife.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as end:
    code = end.code
heavy = {"jax", "evosax", "optax", "scipy", "mpi4py.MPI"} & set(sys.modules)
assert not heavy, heavy
sys.exit(code)
"""


def document(result):
    """The one JSON document on stdout; the last line ends it."""
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(("{", "[")) and result.stdout.endswith("\n")
    return json.loads(result.stdout, parse_constant=pytest.fail)


def test_help_answers_within_a_second():
    times = []
    for _ in range(3):
        started = time.perf_counter()
        result = run("--help")
        times.append(time.perf_counter() - started)
        assert result.returncode == 0
    words = set(result.stdout.split())
    assert words >= COMMANDS
    # One second on an idle machine; tests share theirs.
    assert min(times) < 2


@pytest.mark.parametrize("words", LIGHT, ids=" ".join)
def test_what_needs_no_jax_and_no_mpi_imports_neither(words):
    result = subprocess.run(
        [sys.executable, "-c", WATCH, *words],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout and not result.stderr


def test_the_script_and_the_module_are_one_command():
    script = Path(sys.executable).with_name("evolife")
    if not script.exists():
        pytest.skip("evolife is not installed")
    for words in (["--version"], ["list", "envs"], ["train", "--help"], ["trian"]):
        found = [
            subprocess.run(
                [*command, *words],
                capture_output=True,
                text=True,
                timeout=60,
                env=environment(),
            )
            for command in ([script], [sys.executable, "-m", "evolife"])
        ]
        outcomes = [(each.returncode, each.stdout, each.stderr) for each in found]
        assert outcomes[0] == outcomes[1]


def test_list_names_what_there_is():
    everything = document(run_here("list", "--json"))
    names = {kind: [row["name"] for row in rows] for kind, rows in everything.items()}
    assert set(names) == {
        *("agents", "envs", "wrappers", "selections", "strategies", "estimators"),
        "configs",
        *("meta", "operators", "sweeps"),
    }
    assert set(names["agents"]) >= AGENTS
    assert set(names["envs"]) >= ENVS
    assert {"low_rank", "CMA_ES", "SimpleGA", "SNES"} <= set(names["strategies"])
    assert {"native", "centered_rank"} <= set(names["selections"])
    assert set(names["configs"]) == set(bundled_configs())
    assert set(names["meta"]) == set(bundled_configs("meta"))
    assert all(row["summary"] for rows in everything.values() for row in rows)
    assert document(run_here("list", "agents", "--json")) == {
        "agents": everything["agents"]
    }
    shown = run_here("list").stdout
    assert all(name in shown for kind in names.values() for name in kind)


def test_schema_prints_the_schema_of_configs():
    assert document(run_here("schema", "--json")) == json_schema()


def test_doctor_reports_the_machine():
    report = document(run_here("doctor", "--json"))
    assert report["usable_cores"] >= 1
    assert report["packages"]["jax"]
    shown = run_here("doctor")
    assert shown.returncode == 0 and report["hostname"] in shown.stdout


@pytest.mark.parametrize("name", bundled_configs())
def test_describe_answers_five_questions(name):
    if name == "cartpole" and not importlib.util.find_spec("gymnax"):
        pytest.skip("gymnax is not installed")
    answers = document(run_here("describe", name, "--json"))
    questions = answers["questions"]
    assert len(questions) == 5
    assert all(len(text) > 20 for text in questions.values())
    assert questions["Which claim could fail?"] != "none is stated"


def test_describe_shows_what_its_json_holds():
    questions = document(run_here("describe", "bandit", "--json"))["questions"]
    shown = run_here("describe", "bandit").stdout
    flat = " ".join(shown.split())
    for question, text in questions.items():
        assert question in flat and " ".join(text.split()) in flat


def test_describe_answers_for_what_is_overridden():
    base, other = (
        document(run_here("describe", "bandit", "--json", *words))
        for words in ((), ("env.arms=2", "claim=none at all"))
    )
    assert base["questions"] != other["questions"]
    assert other["action_space"] == "one of 2"
    assert other["questions"]["Which claim could fail?"] == "none at all"


def test_train_prints_its_report_as_json(train_result):
    result, folder = train_result
    report = document(result)
    assert report["run"] == str(folder)
    table = json.loads((folder / "champions" / "champions.json").read_text())
    assert report["champions"] == table["champions"]
    assert report["verdict"]["outcome"] in ("holds", "fails", "undecided")
    first = report["champions"][0]
    assert first["interval"][0] < first["held_out"] < first["interval"][1]
    assert first["gap"] == pytest.approx(first["validated"] - first["held_out"])
    assert "generations: 4" in (folder / "config.yaml").read_text()
    assert len(digests(folder)) == 4
    assert result.stderr and "Traceback" not in result.stderr


def test_a_run_without_a_name_goes_to_a_folder_of_its_own(tmp_path):
    words = ("train", "bandit", *TINY, "generations=1", "--ranks", 1, "--json")
    result = run_here(*words, cwd=tmp_path)
    assert list((tmp_path / "runs").iterdir()) == [tmp_path / document(result)["run"]]


@pytest.mark.mpi
def test_evaluation_gives_the_same_numbers_on_any_ranks(trained_run):
    before = champions(trained_run)
    words = ("evaluate", trained_run, "--lives", 100, "--json")
    alone, together = run_here(*words), run(*words, ranks=2)
    assert alone.stdout == together.stdout
    report = document(alone)
    assert (report["lives"], report["steps"]) == (100, 5)
    assert len(report["champions"]) == 2
    for champion in report["champions"]:
        assert champion["lives"] == 100
        assert sum(champion["curve"]) / len(champion["curve"]) == pytest.approx(
            champion["held_out"] / 5, rel=1e-4
        )
    more = document(run_here("evaluate", trained_run, "--lives", 50, "--json"))
    for few, many in zip(more["champions"], report["champions"], strict=True):
        assert few["held_out"] != many["held_out"]
        wide, narrow = (c["interval"][1] - c["interval"][0] for c in (few, many))
        assert 1.1 < wide / narrow < 1.9
    assert champions(trained_run) == before


def test_evaluation_in_other_worlds_and_lengths(trained_run, tmp_path):
    lives = ("evaluate", trained_run, "--lives", 16, "--json")
    short, longer = (
        document(run_here(*lives)),
        document(run_here(*lives, "--steps", 20)),
    )
    assert (short["steps"], longer["steps"]) == (5, 20)
    assert longer["optimum"] == pytest.approx(4 * short["optimum"])
    # Scores of lives of another length say nothing about the winner's curse.
    assert short["champions"][0]["gap"] is not None
    assert longer["champions"][0]["gap"] is None
    file = tmp_path / "world.yaml"
    file.write_text("env: {name: bandit, arms: 5, pulls: 20}\n")
    seen = []
    for words in (("--env", file), ("--env", "{name: bandit, pulls: 20}")):
        report = document(run_here(*lives, "--steps", 20, *words))
        assert report["env"].items() >= {"name": "bandit", "pulls": 20}.items()
        seen.append(report["champions"])
    assert seen[0] == seen[1] != longer["champions"]
    assert document(run_here(*lives, "seed=4"))["champions"] != short["champions"]
    shown = run_here(*lives[:-1])
    assert shown.returncode == 0
    assert "held-out" in shown.stdout and "16 lives of 5 steps" in shown.stdout


def test_a_reader_that_leaves_early_is_no_failure():
    listing = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m evolife list | true"],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
    )
    assert "Traceback" not in listing.stderr
    assert "Exception ignored" not in listing.stderr
