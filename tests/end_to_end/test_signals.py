"""A run asked to stop leaves a checkpoint at once, and goes on bit for bit."""

import json
import shutil
import signal
import time

import numpy as np
import pytest

from tests.cli_tools import (
    TINY,
    champions,
    dashboard_steps,
    descendants,
    digests,
    environment,
    gone,
    lines_so_far,
    mpirun,
    run,
    run_here,
    started,
    until,
)

GENERATIONS = 5
UNITS = 8
LONG = (
    f"generations={GENERATIONS}",
    "control=null",
    "agent.hidden=8",
    "env.pulls=5",
    "population.size=64",
    f"population.tile={64 // UNITS}",
    "lifetime.steps=20000",
    "lifetime.lives=1",
    "best_of_k.keep=1",
    "best_of_k.lives=16",
    "best_of_k.archive=2",
    "record.every=2",
    "checkpoint.every=100",
)
"""A bandit whose generations take a second, in eight units of work."""
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """What the run comes to when nobody disturbs it."""
    folder = tmp_path_factory.mktemp("signals") / "uninterrupted"
    result = run_here("train", "bandit", *LONG, "--ranks", 1, "--out", folder)
    assert result.returncode == 0, result.stderr
    assert not half_done(folder).any()
    return folder


def half_done(folder):
    """Which units of the next generation the newest checkpoint holds."""
    newest = max((folder / "checkpoints").glob("gen_*"))
    leaves = json.loads((newest / "state.json").read_text())["leaves"]
    number = [leaf["name"] for leaf in leaves].index(".partial.done")
    with np.load(newest / "arrays.npz", allow_pickle=False) as arrays:
        return arrays[f"leaf_{number:05d}"]


def stop(work, number, code=75):
    """Send a signal and wait for the end; return the message."""
    family = descendants(work.pid)
    work.send_signal(number)
    _, told = work.communicate(timeout=60)
    assert work.returncode == code, told
    assert "Traceback" not in told, told
    assert gone(family)
    return told


@pytest.mark.parametrize(
    ("world", "signals"),
    [
        pytest.param("serial", STOPS),
        pytest.param("local", STOPS, marks=pytest.mark.mpi),
        pytest.param("mpirun", (signal.SIGUSR1,), marks=pytest.mark.mpi),
    ],
)
def test_stopped_in_a_generation_it_goes_on(tmp_path, uninterrupted, world, signals):
    folder, kept = tmp_path / "run", []
    before, extra = mpirun(2) if world == "mpirun" else ((), {})
    ranks = {"serial": ("--ranks", 1), "local": ("--ranks", 2), "mpirun": ()}[world]
    options = {"before": before, "env": environment(**extra)}
    for session in range(len(signals) + 1):
        words = ("--resume", folder) if session else ("bandit", *LONG, "--out", folder)
        with started("train", *words, *ranks, **options) as work:
            if session == len(signals):
                _, told = work.communicate(timeout=120)
                assert work.returncode == 0, told
                break
            goal = lines_so_far(folder) + 1
            assert until(lambda goal=goal: lines_so_far(folder) >= goal, nap=0.005)
            time.sleep(0.2)
            told = stop(work, signals[session])
            done = lines_so_far(folder)
            assert told.count("evolife: stopped") == 1, told
            assert f"evolife: stopped after generation {done} " in told
            assert f"evolife train --resume {folder}" in told
            kept.append(int(half_done(folder).sum()))
    assert any(0 < units < UNITS for units in kept), kept
    assert digests(folder) == digests(uninterrupted)
    assert champions(folder) == champions(uninterrupted)
    assert dashboard_steps(folder) == list(range(1, GENERATIONS + 1))
    sessions = json.loads((folder / "manifest.json").read_text())["sessions"]
    reasons = [session["exit_reason"] for session in sessions]
    assert reasons == ["stopped"] * len(signals) + ["done"]


def test_stopped_in_the_tournament_it_goes_on(tmp_path, uninterrupted):
    folder = tmp_path / "run"
    shutil.copytree(uninterrupted, folder)
    shutil.rmtree(folder / "champions")
    words = ("train", "--resume", folder, "--ranks", 1)
    with started(*words, "best_of_k.lives=4096") as work:
        assert until(lambda: len([*(folder / "tensorboard").glob("session_*")]) == 2)
        time.sleep(0.5)
        told = stop(work, signal.SIGTERM)
    assert f"evolife: stopped after generation {GENERATIONS} " in told
    assert not half_done(folder).any()
    assert not any((folder / "champions").iterdir())
    again = run_here(*words, "best_of_k.lives=16")
    assert again.returncode == 0, again.stderr
    assert digests(folder) == digests(uninterrupted)
    assert champions(folder) == champions(uninterrupted)


def test_stopped_in_the_control_it_goes_on_with_the_control(tmp_path):
    folder = tmp_path / "run"
    control = (
        "control={agent: {name: reflex, hidden: [4]}, lifetime: {steps: 5000}, "
        "population: {size: 64}, generations: 3}"
    )
    words = (*TINY, "generations=2", control, "--ranks", 1)
    with started("train", "bandit", *words, "--out", folder) as work:
        assert until(lambda: lines_so_far(folder / "control") > 0)
        told = stop(work, signal.SIGTERM)
    assert f"evolife train --resume {folder}\n" in told
    before, first = champions(folder), digests(folder)
    done = len(digests(folder / "control"))
    assert 0 < done < 3
    result = run_here("train", "--resume", folder, "--ranks", 1, "--json")
    assert result.returncode == 0, result.stderr
    assert champions(folder) == before and digests(folder) == first
    assert len(digests(folder / "control")) == 3
    report = json.loads(result.stdout)
    assert report["control"]["run"] == str(folder / "control")
    assert report["verdict"]["outcome"] in ("holds", "fails", "undecided")


@pytest.mark.parametrize("ranks", [1, pytest.param(2, marks=pytest.mark.mpi)])
def test_a_signal_before_anything_is_ready_breaks_nothing(tmp_path, ranks):
    folder = tmp_path / "run"
    fresh = (
        "train",
        "bandit",
        *TINY,
        "generations=2",
        "--ranks",
        ranks,
        "--out",
        folder,
    )
    for number, wait in zip(
        (*STOPS, signal.SIGTERM), (0.1, 0.4, 0.8, 1.6), strict=True
    ):
        again = (folder / "config.yaml").exists()
        words = ("train", "--resume", folder, "--ranks", ranks) if again else fresh
        with started(*words) as work:
            time.sleep(wait)
            work.send_signal(number)
            work.communicate(timeout=60)
            assert work.returncode in (0, 75, 128 + number, -number)
    again = (folder / "config.yaml").exists()
    words = ("train", "--resume", folder, "--ranks", ranks) if again else fresh
    result = run(*words)
    assert result.returncode == 0, result.stderr
    assert len(digests(folder)) == 2


def test_a_stopped_evaluation_says_so(trained_run):
    words = (trained_run, "--lives", 1000, "--steps", 1_000_000)
    with started("evaluate", *words) as work:
        time.sleep(4)
        work.send_signal(signal.SIGINT)
        out, told = work.communicate(timeout=60)
    assert out == ""
    assert work.returncode in (75, 130), told
    assert "Traceback" not in told
    if work.returncode == 75:
        assert told == "evolife: stopped before all lives were lived; evaluate again\n"
