"""A run killed at any moment goes on as if nothing had happened, bit for bit."""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import threading
import time

import pytest

from evolife.errors import InvalidInput
from evolife.storage.lock import locked
from tests.cli_tools import (
    champions,
    complaint,
    dashboard_steps,
    descendants,
    digests,
    end,
    gone,
    lines_so_far,
    run,
    run_here,
    started,
    state_of,
    tree,
    until,
)

GENERATIONS = 20
KILLS = 10
BUSY = (
    f"generations={GENERATIONS}",
    "control=null",
    "agent.hidden=8",
    "env.pulls=5",
    "population.size=64",
    "population.tile=8",
    "lifetime.steps=1500",
    "lifetime.lives=1",
    "best_of_k.keep=2",
    "best_of_k.lives=16",
    "best_of_k.archive=4",
    "record.every=2",
    "checkpoint.every=1",
    "checkpoint.keep=2",
)
"""A bandit whose generations take a tenth of a second, in eight units of work."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """What the run comes to when nobody disturbs it."""
    folder = tmp_path_factory.mktemp("resume") / "uninterrupted"
    result = run_here("train", "bandit", *BUSY, "--ranks", 1, "--out", folder)
    assert result.returncode == 0, result.stderr
    assert dashboard_steps(folder) == list(range(1, GENERATIONS + 1))
    return folder


def half_written(folder):
    """Checkpoints that are being written, or were when a kill came."""
    names = (
        os.listdir(folder / "checkpoints") if (folder / "checkpoints").is_dir() else ()
    )
    return [name for name in names if re.search(r"\.tmp$|\.replaced$", name)]


def held_while_writing(folder, work):
    """Stop a rank of ``work`` amid a checkpoint; False if it was done before that.

    A write takes a millisecond, so a kill that is merely sent at its sight can be late.
    """
    for name in half_written(folder):
        if name.endswith(".tmp") and held(int(name.split(".")[-2]), work):
            if name in half_written(folder):
                return True
            send(int(name.split(".")[-2]), signal.SIGCONT)
    return False


def held(pid, work):
    """Stop a process; False for remains of earlier kills and ranks that outlive one."""
    send(pid, signal.SIGSTOP)
    assert until(lambda: state_of(pid) in {"T", "Z", ""}, nap=0.0002)
    ours = pid in (work.pid, *descendants(work.pid))
    if not ours:
        send(pid, signal.SIGCONT)
    return ours


def send(pid, number):
    """Send a signal, unless the process has ended by itself."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def await_moment(kind, folder, moments, work):
    """Wait for a random moment: while it starts, in the work, in a checkpoint."""
    before = lines_so_far(folder)
    if kind == "start":
        until(lambda: lines_so_far(folder) > before, seconds=moments.uniform(0.1, 3))
        return
    goal = before + moments.randint(1, 3)
    until(lambda: lines_so_far(folder) >= goal or work.poll() is not None, nap=0.005)
    assert lines_so_far(folder) >= goal, end(work)
    if kind == "checkpoint":
        assert until(lambda: held_while_writing(folder, work), nap=0.0002)
    else:
        time.sleep(moments.uniform(0, 0.2))


def kill(work, kind):
    """Kill the whole job within a checkpoint; else its parent, which the ranks miss."""
    family = descendants(work.pid)
    assert work.poll() is None, work.communicate()
    # Ranks first: the end of their parent would wake a rank that is stopped.
    for pid in reversed(family) if kind == "checkpoint" else ():
        send(pid, signal.SIGKILL)
    send(work.pid, signal.SIGKILL)
    return family


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, pytest.param(2, marks=pytest.mark.mpi)])
def test_ten_kills_leave_no_trace(tmp_path, ranks):
    moments = random.Random(ranks)
    folder, whole, torn, killed = tmp_path / "run", tmp_path / "whole", 0, []
    # No end in sight, however fast the machine: every kill comes in the work.
    endless = (*BUSY, "generations=1000000", "--out", folder)
    for number in range(KILLS):
        again = (folder / "config.yaml").exists()
        words = ("--resume", folder) if again else ("bandit", *endless)
        with started("train", *words, "--ranks", ranks) as work:
            kind = ("work", "checkpoint", "start")[number % 3]
            await_moment(kind, folder, moments, work)
            killed = kill(work, kind)
            torn += kind == "checkpoint" and bool(half_written(folder))
            # Every other time the next session meets ranks that are still there.
            assert number % 2 or gone(killed)
    assert gone(killed)
    assert torn == KILLS // 3, "some kills missed the middle of their checkpoint"
    goal = lines_so_far(folder) + 2
    last = run("train", "--resume", folder, f"generations={goal}", "--ranks", ranks)
    assert last.returncode == 0, last.stderr
    words = (*BUSY, f"generations={goal}", "--ranks", 1, "--out", whole)
    assert run_here("train", "bandit", *words).returncode == 0
    assert digests(folder) == digests(whole)
    assert champions(folder) == champions(whole)
    assert dashboard_steps(folder) == list(range(1, goal + 1))
    assert not half_written(folder)
    sessions = json.loads((folder / "manifest.json").read_text())["sessions"]
    assert [session["exit_reason"] for session in sessions][-1] == "done"


def test_a_run_at_work_is_left_alone(tmp_path):
    folder = tmp_path / "run"
    words = ("train", "bandit", *BUSY, "generations=100000", "--ranks", 1)
    with started(*words, "--out", folder) as work:
        assert until(lambda: lines_so_far(folder) > 0)
        told = complaint(run("train", "--resume", folder, "--ranks", 1))
        assert f"{folder} is in use by process {work.pid} on " in told
        seen = lines_so_far(folder)
        assert until(lambda: lines_so_far(folder) > seen)
        assert work.poll() is None


def test_the_lock_of_a_folder_waits_a_moment_and_is_given_back(tmp_path):
    holder = contextlib.ExitStack()
    holder.enter_context(locked(tmp_path))
    told = rf"in use by process {os.getpid()} on "
    with pytest.raises(InvalidInput, match=told), locked(tmp_path, patience=0.2):
        pytest.fail("two held it at once")
    threading.Timer(0.3, holder.close).start()
    with locked(tmp_path, patience=30):
        assert (tmp_path / ".lock").read_text().startswith(f"process {os.getpid()} ")


@pytest.mark.parametrize("damage", ["truncated", "altered", "missing"])
def test_a_damaged_checkpoint_is_stepped_over(tmp_path, uninterrupted, damage):
    folder = tmp_path / "run"
    shutil.copytree(uninterrupted, folder)
    newest, before = sorted((folder / "checkpoints").iterdir(), reverse=True)
    arrays = newest / "arrays.npz"
    content = arrays.read_bytes()
    if damage == "missing":
        arrays.unlink()
    else:
        spoilt = content[:-1] + bytes([content[-1] ^ 1])
        arrays.write_bytes(
            spoilt if damage == "altered" else content[: len(content) // 2]
        )
    result = run_here("train", "--resume", folder, "--ranks", 1)
    assert result.returncode == 0, result.stderr
    warnings = [line for line in result.stderr.splitlines() if "warning" in line]
    assert len(warnings) == 1 and str(newest) in warnings[0], result.stderr
    assert f"generation {GENERATIONS}/{GENERATIONS}" in result.stderr
    assert digests(folder) == digests(uninterrupted)
    assert champions(folder) == champions(uninterrupted)
    assert dashboard_steps(folder) == list(range(1, GENERATIONS + 1))
    assert sorted((folder / "checkpoints").iterdir(), reverse=True) == [newest, before]


def test_a_finished_run_stays_as_it_is_and_can_be_made_longer(tmp_path, uninterrupted):
    folder, whole = tmp_path / "run", digests(uninterrupted)
    words = ("train", "bandit", *BUSY, "generations=7", "--ranks", 1, "--out", folder)
    assert run_here(*words).returncode == 0
    assert digests(folder) == whole[:7]
    keep = ("metrics.jsonl", "champions", "checkpoints", "config.yaml")
    before = {k: v for k, v in tree(folder).items() if k.startswith(keep)}
    assert run_here("train", "--resume", folder, "--ranks", 1).returncode == 0
    after = {k: v for k, v in tree(folder).items() if k.startswith(keep)}
    assert after == before
    more = ("generations=11", "best_of_k.keep=1")
    longer = run_here("train", "--resume", folder, *more, "--ranks", 1)
    assert longer.returncode == 0, longer.stderr
    assert [*champions(folder)] == [
        "agent_001.safetensors",
        "champions.json",
        "held_out.safetensors",
    ]
    assert digests(folder) == whole[:11]
    assert dashboard_steps(folder) == list(range(1, 12))


def test_a_kill_while_the_folder_was_made_is_forgiven(tmp_path):
    folder = tmp_path / "run"
    (folder / "tensorboard").mkdir(parents=True)
    (folder / "checkpoints").mkdir()
    (folder / ".config.yaml.123.tmp").write_text("seed:")
    words = ("train", "bandit", *BUSY, "generations=2", "--ranks", 1, "--out", folder)
    result = run_here(*words)
    assert result.returncode == 0, result.stderr
    assert len(digests(folder)) == 2
