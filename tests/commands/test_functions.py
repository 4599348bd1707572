"""What commands do, done from Python: the same results, and errors instead of exits."""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings

import jax.numpy as jnp
import numpy as np
import pytest

import evolife
from evolife.cli import main
from evolife.commands import _embedded as process
from evolife.commands import _subprocess as started
from evolife.commands import describe, plan
from evolife.config.model import load_config
from evolife.config.sources import (
    config_of,
    environment_override,
    override_texts,
    run_config,
)
from evolife.errors import EvolifeError, InvalidInput, Stopped
from evolife.metalearning.config import MetaConfig
from evolife.storage.run_folder import RunFolder
from evolife.storage.status import session_ends
from tests.cli_tools import (
    TINY,
    champions,
    digests,
    environment,
    run_here,
    until,
)

SETTINGS = {
    "control": None,
    "agent__hidden": 8,
    "env__pulls": 5,
    "population__size": np.int64(32),
    "population__tile": 8,
    "lifetime__steps": 5,
    "lifetime__lives": 4,
    "best_of_k": {"keep": 2, "lives": 16, "archive": 4},
    "record": {"every": 2, "validate_every": None},
}
"""TINY as Python says it."""
FUNCTIONS = {
    *("compare", "describe", "doctor", "evaluate", "evolve", "load", "meta"),
    *("catalogue", "plan", "report", "schema", "sweep", "train", "watch"),
}


def python(code, *arguments, **options):
    """Run Python code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(**options),
    )


def test_importing_evolife_imports_nothing_heavy():
    code = """
import sys, evolife
names = dir(evolife)
light = set(sys.modules)
assert not light & {"numpy", "rich", "yaml", "pydantic", "evolife.errors"}, light
evolife.train, evolife.load, evolife.watch, evolife.evaluate, evolife.describe
heavy = {"jax", "pandas", "matplotlib", "scipy", "mpi4py.MPI"} & set(sys.modules)
assert not heavy, heavy
print(*names)
"""
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) >= FUNCTIONS


def test_every_function_is_found_and_documented():
    assert set(evolife.__all__) == FUNCTIONS | {"__version__"}
    for name in FUNCTIONS:
        function = getattr(evolife, name)
        assert callable(function) and function.__name__ == name
        for part in ("Returns", "Raises"):
            told = function.__doc__
            assert part in told or part.lower() in told or name == "doctor", name
    assert not hasattr(evolife, "trane")
    with pytest.raises(AttributeError, match="'trane'"):
        getattr(evolife, "tra" + "ne")


def test_a_star_import_leaves_pythons_list_alone():
    found = {}
    exec("from evolife import *", found)
    assert "list" not in found and found["train"] is evolife.train


def test_training_in_this_process_gives_the_bits_of_the_command(trained_run, tmp_path):
    """Here JAX has computed before, as in a notebook."""
    assert float(jnp.arange(4.0) @ jnp.ones(4)) == 6
    made = evolife.train("bandit", "generations=4", out=tmp_path / "run", **SETTINGS)
    assert digests(made.path) == digests(trained_run)
    assert champions(made.path) == champions(trained_run)


def test_training_in_a_fresh_process_gives_the_bits_of_the_command(
    trained_run, tmp_path
):
    code = (
        "import evolife, sys; "
        "evolife.train('bandit', *sys.argv[2:], out=sys.argv[1]); print('quiet')"
    )
    done = python(code, tmp_path / "run", *TINY, "generations=4")
    assert (done.returncode, done.stdout, done.stderr) == (0, "quiet\n", "")
    assert digests(tmp_path / "run") == digests(trained_run)
    assert champions(tmp_path / "run") == champions(trained_run)


@pytest.mark.mpi
def test_training_on_ranks_gives_the_bits_of_the_command(trained_run, tmp_path, capfd):
    data = load_config("bandit", TINY).model_dump(mode="json")
    made = evolife.train(data, generations=4, out=tmp_path / "run", ranks=2)
    assert capfd.readouterr() == ("", "")
    assert made.manifest["sessions"][0]["ranks"] == 2
    assert digests(made.path) == digests(trained_run)
    assert champions(made.path) == champions(trained_run)


def test_a_thread_can_train_and_resume(trained_run, tmp_path):
    """Only the main thread may handle signals."""
    found = []

    def work():
        path = tmp_path / "run"
        evolife.train("bandit", *TINY, generations=2, out=path)
        # The first override may stand where the config would, as on the command line.
        found.append(evolife.train("generations=4", resume=path))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before
    assert digests(found[0].path) == digests(trained_run)
    assert len(found[0].manifest["sessions"]) == 2
    assert champions(found[0].path) == champions(trained_run)


@pytest.mark.parametrize("ranks", [1, pytest.param(2, marks=pytest.mark.mpi)])
def test_ctrl_c_stops_with_a_checkpoint_and_a_resume_goes_on(tmp_path, ranks):
    folder = tmp_path / "run"
    told = []

    def interrupt():
        lines = folder / "metrics.jsonl"
        told.append(
            until(lambda: lines.exists() and lines.read_bytes().count(b"\n") > 3)
        )
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Stopped, match="evolife train --resume"):
        evolife.train("bandit", *TINY, generations=10**6, out=folder, ranks=ranks)
    thread.join()
    assert told == [True] and signal.getsignal(signal.SIGINT) is before
    reached = len(digests(folder))
    goal = reached + 2
    made = evolife.train(resume=folder, generations=goal)
    whole = evolife.train("bandit", *TINY, generations=goal, out=tmp_path / "whole")
    assert len(digests(made.path)) == goal
    assert digests(made.path) == digests(whole.path)


@pytest.mark.mpi
def test_ranks_end_soon_after_the_process_that_asked_for_them(tmp_path):
    folder = tmp_path / "run"
    code = (
        "import evolife, sys; evolife.train('bandit', *sys.argv[2:], "
        "generations=10**6, out=sys.argv[1], ranks=2)"
    )
    from evolife.storage.lock import is_locked

    words = [sys.executable, "-c", code, str(folder), *TINY]
    with subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE) as asking:
        lines = folder / "metrics.jsonl"
        assert until(lambda: lines.exists() and lines.stat().st_size > 0)
        assert is_locked(folder)
        asking.kill()
    assert until(lambda: not is_locked(folder), 30)
    before = lines.read_bytes()
    time.sleep(0.5)
    assert lines.read_bytes() == before


def test_all_ways_to_name_a_config_mean_the_same(tmp_path):
    wanted = load_config("bandit", [*TINY, "wrap=[{switch: 3}]"])
    (tmp_path / "file.yaml").write_text(wanted.to_yaml())
    more = {**SETTINGS, "wrap": ({"switch": 3},)}
    texts = override_texts((), more)
    data = wanted.model_dump()
    assert run_config("bandit", texts) == wanted
    assert run_config(tmp_path / "file.yaml", []) == wanted
    assert run_config(data, []) == wanted == run_config(wanted, [])
    least = {k: data[k] for k in ("name", "env", "agent", "lifetime", "population")}
    small = run_config({**least, "generations": 2}, ["strategy.sigma=0.5"])
    assert small.strategy.model_dump() == {"name": "low_rank", "sigma": 0.5}
    assert small.selection.name == "native"
    assert config_of(MetaConfig, "demo-meta", ["meta_steps=3"]) == config_of(
        MetaConfig, config_of(MetaConfig, "demo-meta", []), ["meta_steps=3"]
    )


@pytest.mark.parametrize(
    "value",
    [
        *(
            True,
            None,
            0,
            -3,
            1e-7,
            1e300,
            0.1,
            "",
            "no",
            "true",
            "1e-3",
            "ä: \t'\"\n#x",
        ),
        *([], {}, [1, [2.5, "a"]], {"name": "x", "deep": {"y": [None]}}),
    ],
    ids=repr,
)
def test_a_value_reaches_the_config_as_it_was_given(value):
    from evolife.config.layers import override_layer

    (text,) = override_texts([], {"agent__thing": value})
    found = override_layer([text]).data["agent"]["thing"]
    assert found == value and type(found) is type(value)


def test_overrides_are_laid_in_their_order():
    texts = override_texts(["seed=1", {"seed": 2, "env.arms": 3}], {"seed": 4})
    assert run_config("bandit", texts[:1]).seed == 1
    assert run_config("bandit", texts[:3]).seed == 2
    assert run_config("bandit", texts).seed == 4
    assert run_config("bandit", texts).env.settings["arms"] == 3


def test_worlds_are_named_as_for_the_command(tmp_path):
    (tmp_path / "w.yaml").write_text("env: {name: oven, delay: 3}\n")
    wanted = {"name": "oven", "delay": 3}
    for env in (wanted, "{name: oven, delay: 3}", tmp_path / "w.yaml"):
        config = run_config("bandit", [environment_override(env)])
        assert config.env.model_dump() == wanted
    assert run_config("bandit", [environment_override("oven")]).env.name == "oven"


REFUSED = {
    "unknown key": (("bandit",), {"agent__hiden": 3}, "hiden.*'hidden'"),
    "override a number": (("bandit", 3), {}, "override 3: must be text"),
    "not finite": (("bandit",), {"strategy__sigma": float("nan")}, "sigma = nan"),
    "no plain value": (("bandit",), {"seed": object()}, "seed = <object"),
    "config a number": ((3,), {}, "config 3: must be a bundled"),
    "config empty": (({},), {}, "config: name: missing"),
    "nothing": ((), {}, "needs a config"),
    "ranks": (("bandit",), {"ranks": 0}, "ranks 0: allowed are 1"),
    "resume elsewhere": ((), {"resume": "a", "out": "b"}, "its own folder"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_told_by_an_exception(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words, settings, told = REFUSED[name]
    with pytest.raises(InvalidInput, match=told):
        evolife.train(*words, **settings)
    assert [*tmp_path.iterdir()] == []


def test_a_process_among_several_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "0")
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    for function in (evolife.train, evolife.meta):
        config = "bandit" if function is evolife.train else "demo-meta"
        with pytest.raises(InvalidInput, match="one of several"):
            function(config, out=tmp_path / "run")
    assert [*tmp_path.iterdir()] == []


def test_a_failed_command_is_told_as_the_exception_of_its_exit_code(tmp_path):
    said = []
    with pytest.raises(InvalidInput, match="there is no run folder") as refused:
        started.run_command(["evaluate", str(tmp_path / "none")], said.append)
    assert str(refused.value) == said[-1].removeprefix("evolife: ")
    codes = {1: EvolifeError, 2: InvalidInput, 75: Stopped}
    assert codes == started._KINDS


def test_warnings_become_pythons():
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        process.Quiet().warning("take care")
    assert [str(one.message) for one in heard] == ["take care"]


def test_evaluate_gives_the_document_of_the_command(trained_run):
    words = (
        "evaluate",
        trained_run,
        "--lives",
        20,
        "--steps",
        8,
        "env.pulls=4",
        "--json",
    )
    wanted = json.loads(run_here(*words).stdout)
    for subject in (trained_run, str(trained_run), evolife.load(trained_run)):
        found = evolife.evaluate(subject, lives=20, steps=8, env__pulls=4)
        assert json.loads(json.dumps(found)) == wanted


@pytest.mark.parametrize(
    ("words", "call"),
    [
        (
            ("describe", "oven", "env.delay=30"),
            lambda: evolife.describe("oven", env__delay=30),
        ),
        (("list",), lambda: evolife.catalogue()),
        (("list", "envs"), lambda: evolife.catalogue("envs")),
        (("schema",), lambda: evolife.schema()),
    ],
    ids=["describe", "list", "list envs", "schema"],
)
def test_documents_are_those_of_the_commands(words, call):
    told = run_here(*words, *(() if words[0] == "schema" else ("--json",)))
    assert told.returncode == 0, told.stderr
    assert json.loads(json.dumps(call())) == json.loads(told.stdout)


def test_doctor_and_plan_tell_what_their_commands_tell():
    told = json.loads(run_here("doctor", "--json").stdout)
    found = evolife.doctor()
    assert found.keys() == told.keys() and found["packages"] == told["packages"]
    planned = evolife.plan("bandit", *TINY, ranks=4, generations=7)
    assert (planned["generations"], planned["tile"]) == (7, 8)
    assert [row["ranks"] for row in planned["predicted"]] == [1, 2, 4]
    with pytest.raises(InvalidInput, match="ranks 0"):
        evolife.plan("bandit", ranks=0)
    with pytest.raises(InvalidInput, match="mean 'envs'"):
        evolife.catalogue("env")


def test_commands_are_thin(monkeypatch, capsys):
    """Describe and plan print what their functions return."""
    seen = []
    monkeypatch.setattr(describe, "describe", lambda c: {"questions": {"Why?": "so"}})
    monkeypatch.setattr(plan, "plan", lambda *w, **s: seen.append((w, s)) or {"x": 1})
    asked = argparse.Namespace(
        config="bandit",
        overrides=["seed=1"],
        plugins=[],
        json=True,
        ranks=3,
        tune=False,
        latency=1e-5,
        bandwidth=1e9,
    )
    network = {"latency": 1e-5, "bandwidth": 1e9, "plugins": []}
    assert describe.run(asked) == 0
    assert json.loads(capsys.readouterr().out) == {"questions": {"Why?": "so"}}
    assert plan.run(asked) == 0
    assert json.loads(capsys.readouterr().out) == {"x": 1}
    assert seen == [(("bandit", "seed=1"), {"ranks": 3, "tune": False, **network})]


def test_meta_asks_for_the_same_work_as_the_command(tmp_path, monkeypatch, capsys):
    """The work itself takes minutes and has tests of its own."""
    from evolife.metalearning import run
    from evolife.metalearning.journal import OPERATOR

    asked = []

    def work(config, path, session):
        asked.append((config, path, session.ranks.size, session.resume))
        return {"claim": "c", "route": {"name": "unrolled"}}

    monkeypatch.setattr(run, "meta", work)
    monkeypatch.setattr("evolife.metalearning.journal.markdown", lambda card: "a page")
    words, out = ("demo-meta", "meta_steps=2"), tmp_path / "run"
    assert main(["meta", *words, "--ranks", "1", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert evolife.meta("demo-meta", meta_steps=2, out=out) == told
    assert told["operator"] == str(out / OPERATOR)
    config = config_of(MetaConfig, *words[:1], words[1:])
    assert asked == [(config, out, 1, False)] * 2


def test_meta_refuses_what_the_command_refuses(tmp_path):
    for seeds in (1, 10_001):
        with pytest.raises(InvalidInput, match=f"--seeds {seeds}"):
            evolife.meta(evaluate="functions", seeds=seeds)
    with pytest.raises(InvalidInput, match="needs a config"):
        evolife.meta()
    with pytest.raises(InvalidInput, match="mean 'meta_steps'"):
        evolife.meta("demo-meta", meta_stps=3, out=tmp_path / "run")
    with pytest.raises(InvalidInput, match="no run folder"):
        evolife.meta(resume=tmp_path / "run")
    assert [*tmp_path.iterdir()] == []


def test_a_sweep_runs_where_jax_runs_already_and_says_what_the_command_says(tmp_path):
    """No warning of a fork among JAX's threads; a failed run raises nothing."""
    assert float(jnp.arange(3.0).sum()) == 3
    file = tmp_path / "two.yaml"
    file.write_text(
        "name: two\nbase: bandit\nmethod: grid\nparameters:\n  seed: {values: [0, 1]}\n"
    )
    out, heard = tmp_path / "sweep", []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evolife.sweep(
            file, *TINY, generations=2, out=out, max_parallel=1, tell=heard.append
        )
    assert found["states"] == {"done": 2} and len(heard) >= 2
    told = run_here("sweep", out, "--status", "--json")
    assert json.loads(told.stdout) == found
    loaded = evolife.load(out)
    assert [len(digests(one.path)) for one in loaded.runs.values()] == [2, 2]
    assert loaded.table["held_out"].tolist() == [
        row["held_out"] for row in found["runs"]
    ]
    with pytest.raises(InvalidInput, match="no such file"):
        evolife.sweep(tmp_path / "tow.yaml")
    with pytest.raises(InvalidInput, match="hiden"):
        evolife.sweep(file, agent__hiden=3, out=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_report_takes_folders_and_what_was_loaded(trained_run, tmp_path):
    given = str(trained_run), trained_run, evolife.load(trained_run), [str(trained_run)]
    pages = set()
    for number, folders in enumerate(given):
        found = evolife.report(folders, out=tmp_path / str(number))
        assert found["runs"] == 1 and found["page"].startswith(str(tmp_path))
        pages.add((tmp_path / str(number) / "runs.csv").read_text())
    assert len(pages) == 1
    with pytest.raises(InvalidInput, match=re.escape(str(tmp_path / "none"))):
        evolife.report(str(tmp_path / "none"))
    assert evolife.watch(evolife.load(trained_run))["generation"] == 4


def test_a_command_stops_with_a_checkpoint_when_its_caller_is_killed(tmp_path):
    words = ["train", "bandit", *TINY, "generations=1000000", "--ranks", "1"]
    words += ["--out", str(tmp_path / "run")]
    code = f"from evolife.commands._subprocess import finished; finished({words!r})"
    caller = subprocess.Popen([sys.executable, "-c", code], env=environment())
    folder = RunFolder(tmp_path / "run")
    assert until(lambda: folder.metrics_path.is_file())
    caller.kill()
    caller.wait()
    assert until(lambda: session_ends(folder) == ["stopped"])
