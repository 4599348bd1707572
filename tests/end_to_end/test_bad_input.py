"""Bad input of every kind: one clear message, no traceback, nothing harmed."""

import os
import resource
import shutil
import subprocess

import pytest

from tests.cli_tools import (
    EVOLIFE,
    TINY,
    champions,
    complaint,
    contents,
    descendants,
    digests,
    lines_so_far,
    run,
    run_here,
    started,
    until,
)
from tests.end_to_end.bad_input_cases import (
    STRANGER,
    command_cases,
    config_cases,
    spoil,
)

BASE = ("train", "bandit", *TINY, "--ranks", "1")
CASES = [*config_cases(""), *command_cases("")]


@pytest.fixture(scope="module")
def workplace(trained_run, tmp_path_factory):
    """A run, spoilt copies of it, and files that are no configs."""
    at = tmp_path_factory.mktemp("bad")
    shutil.copytree(trained_run, at / "run")
    spoil(at)
    (at / "plugins" / "agents").mkdir(parents=True)
    (at / "plugins" / "agents" / "stranger.py").write_text(STRANGER)
    (at / "broken.yaml").write_text("name: x\nenv: {name: bandit\n")
    (at / "nan.yaml").write_text("env: {name: bandit, arms: .nan}\n")
    return at


@pytest.fixture(scope="module")
def outcomes(workplace):
    """Every case's code, stdout and stderr; and the disk as it was before and after."""
    commands = {
        **{
            name: ([*BASE, "--out", f"{workplace}/new", *words], told)
            for name, (words, told) in config_cases(workplace).items()
        },
        **command_cases(workplace),
    }
    before = contents(workplace)
    found = {name: (run_here(*words), told) for name, (words, told) in commands.items()}
    return found, before


@pytest.mark.parametrize("name", CASES)
def test_bad_input_gets_one_clear_message(outcomes, name):
    result, words = outcomes[0][name]
    told = complaint(result)
    assert result.stdout == ""
    for word in words:
        assert word in told


def test_nothing_on_disk_was_harmed(outcomes, workplace):
    assert contents(workplace) == outcomes[1]


def test_checkpoints_that_are_all_damaged_fail_the_work(workplace):
    folder = workplace / "cut-checkpoint"
    before = contents(folder)
    told = complaint(run_here("train", "--resume", folder, "--ranks", 1), code=1)
    assert "no valid checkpoint is left" in told
    assert str(folder / "checkpoints" / "gen_000004") in told
    assert contents(folder) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    told = complaint(run(*BASE, "--out", tmp_path / "run"))
    assert "Permission denied" in told and "--out" in told


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["env.name=bandot"], "mean 'bandit'"),
        (["strategy.sigma=-1", "--ranks", 2], "above 0"),
        (["--out", "{at}/run", "--ranks", 2], "already holds a run"),
        (["--resume", "{at}/metrics", "--ranks", 2], "metrics.jsonl, line 1"),
    ],
)
def test_two_ranks_complain_once(workplace, words, told):
    words = [str(word).format(at=workplace) for word in words]
    before = contents(workplace)
    base = (
        ("train", "--resume", words[1])
        if words[0] == "--resume"
        else ("train", "bandit", *TINY)
    )
    own = (
        () if "--out" in words or "--resume" in words else ("--out", workplace / "new")
    )
    rest = words[2:] if words[0] == "--resume" else words
    inside = 2 if "--ranks" not in words else 0
    result = run(*base, *own, *rest, ranks=inside)
    assert result.returncode == 2
    assert result.stderr.count(told) == 1
    assert "Traceback" not in result.stderr
    assert contents(workplace) == before


@pytest.mark.mpi
def test_ranks_that_contradict_the_launcher_are_refused(tmp_path):
    result = run("train", "bandit", "--ranks", 3, "--out", tmp_path / "run", ranks=2)
    assert result.returncode == 2
    assert result.stderr.count("--ranks 3 contradicts Open MPI's mpirun") == 1
    assert not (tmp_path / "run").exists()


def test_a_disk_that_is_full_from_the_start_is_left_as_it_was(tmp_path):
    # No file may grow; Python would set that limit between a fork and an exec.
    limited = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *EVOLIFE]
    result = run(*BASE, "--out", tmp_path / "run", command=limited)
    told = complaint(result, code=1)
    assert "free some space" in told and str(tmp_path / "run") in told
    assert [*tmp_path.iterdir()] == []


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux")
@pytest.mark.parametrize("ranks", [1, pytest.param(2, marks=pytest.mark.mpi)])
def test_a_disk_that_fills_up_ends_the_work_and_it_can_go_on(tmp_path, ranks):
    folder, whole = tmp_path / "run", tmp_path / "whole"
    busy = ("train", "bandit", *TINY, "lifetime.steps=500", "checkpoint.every=2")
    words = (*busy, "generations=1000000", "--ranks", ranks)
    with started(*words, "--out", folder) as work:
        assert until(lambda: lines_so_far(folder) > 4)
        size = (folder / "metrics.jsonl").stat().st_size + 100
        for pid in (work.pid, *descendants(work.pid)):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        out, err = work.communicate(timeout=60)
    told = complaint(subprocess.CompletedProcess(words, work.returncode, out, err), 1)
    assert "cannot write" in told and "free some space" in told
    done = max(int(path.name[4:]) for path in (folder / "checkpoints").glob("gen_*"))
    assert done >= 2
    goal = f"generations={done + 3}"
    again = run("train", "--resume", folder, goal, "--ranks", ranks)
    assert again.returncode == 0, again.stderr
    assert run_here(*busy, goal, "--ranks", 1, "--out", whole).returncode == 0
    assert digests(folder) == digests(whole)
    assert champions(folder) == champions(whole)
