"""A search goes on whatever a kill has left of Optuna's journal."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evolife.errors import InvalidInput
from evolife.storage.sweep_folder import SweepFolder
from evolife.sweeps.spec import load_sweep
from evolife.sweeps.study import JOURNAL, Study
from tests.cli_tools import environment
from tests.sweep_tools import write_sweep

SIGMA = {"strategy.sigma": {"min": 0.01, "max": 1.0}}
_PATIENCE = 10
"""Seconds; Optuna itself waits for 30, or without end."""

KILLED_IN = """
import os, signal, sys
from pathlib import Path
from optuna.storages.journal import JournalFileSymlinkLock as Lock
from tests.sweeps.test_sweep_journal import study

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

found = study(Path(sys.argv[1]))
found.begin("first")
{moment} = die
found.begin("second")
"""
MOMENTS = {
    "with the lock": "Lock.release",
    "within the release of the lock": "os.unlink",
    "before the record is on the disk": "os.fsync",
}


def study(folder, tell=lambda line: None):
    """A search in ``folder``."""
    given = {"method": "bayes", "run_cap": 9, "metric": {"name": "fitness/mean"}}
    spec = load_sweep(str(write_sweep(folder, SIGMA, **given))).spec
    return Study(SweepFolder(folder), spec, tell)


@pytest.fixture
def patience():
    """Fail instead of waiting."""

    def fail(*_):
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(_PATIENCE)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_search_goes_on_after_a_kill(tmp_path, monkeypatch, patience, moment):
    """The folder is named as users do, relative to where they are."""
    (tmp_path / "sweep").mkdir()
    code = KILLED_IN.format(moment=MOMENTS[moment])
    signal.alarm(60)
    killed = subprocess.run(
        [sys.executable, "-c", code, "sweep"],
        cwd=tmp_path,
        env=environment(PYTHONPATH=":".join(filter(None, sys.path))),
    )
    assert killed.returncode == -signal.SIGKILL
    assert list((tmp_path / "sweep").glob(f"{JOURNAL}.lock*"))
    signal.alarm(_PATIENCE)
    monkeypatch.chdir(tmp_path)
    told = []
    again = study(Path("sweep"), told.append)
    assert any("removed" in line and ".lock" in line for line in told)
    again.begin("second")
    again.finish("first", 1.0)
    assert not list((tmp_path / "sweep").glob(f"{JOURNAL}.lock*"))
    again.behind("second", 1, 0.5)


def test_optuna_can_find_what_its_lock_points_to(tmp_path, monkeypatch):
    """Only then does its own patience with other machines' locks have an end."""
    from optuna.storages.journal import JournalFileSymlinkLock

    found, acquire = [], JournalFileSymlinkLock.acquire

    def acquired(self):
        done = acquire(self)
        found.append((tmp_path / "sweep" / f"{JOURNAL}.lock").exists())
        return done

    monkeypatch.setattr(JournalFileSymlinkLock, "acquire", acquired)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep").mkdir()
    study(Path("sweep")).begin("first")
    assert found and all(found)


def test_a_journal_that_is_cut_anywhere_loses_what_was_cut_alone(tmp_path, patience):
    """Within its last record; each time it is opened twice, and written in between."""
    path = tmp_path / JOURNAL
    first = study(tmp_path)
    first.begin("first")
    kept = path.read_bytes()
    first.finish("first", 1.0)
    content = path.read_bytes()
    for cut in (*range(len(kept), len(content), 7), len(content) - 1):
        path.write_bytes(content[:cut])
        told = []
        again = study(tmp_path, told.append)
        assert len(told) == (cut > len(kept)), cut
        again.begin("second")
        assert path.read_bytes().startswith(kept)
        states = study(tmp_path)._study.trials
        assert [trial.state.name for trial in states] == ["RUNNING", "RUNNING"]


def test_a_record_that_was_glued_to_a_torn_one_is_kept(tmp_path):
    """As Optuna leaves it when it is opened without being mended."""
    path = tmp_path / JOURNAL
    study(tmp_path).begin("first")
    *before, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*before, before[0][:20], last]))
    study(tmp_path).begin("second")
    assert path.read_bytes().startswith(b"".join([*before, last]))


def test_other_damage_is_named(tmp_path):
    path = tmp_path / JOURNAL
    study(tmp_path).begin("first")
    path.write_bytes(b"nonsense\n" + path.read_bytes())
    with pytest.raises(InvalidInput, match=r"line 1: not a record .* move the file"):
        study(tmp_path)
