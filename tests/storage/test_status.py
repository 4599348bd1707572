"""How a run ended is its process's exit and its manifest, and everybody says the same.

The runs are programs of a few lines, which end as real ones can.
"""

import json
import sys
import time

import pytest

import evolife
from evolife.config.model import load_config
from evolife.errors import Stopped
from evolife.reports.study import read_study
from evolife.storage.lock import locked
from evolife.storage.run_folder import CONTROL
from evolife.storage.status import Process, run_status
from evolife.storage.sweep_folder import Entry, SweepFolder, write_entries
from evolife.storage.sweep_status import note_exit, note_start, standing, summary
from evolife.sweeps import pool
from evolife.sweeps.pool import Slot
from evolife.sweeps.prepare import make
from evolife.sweeps.sources import Listed
from evolife.sweeps.spec import load_sweep
from tests.sweep_tools import SMALL, write_sweep

FAKE = """#!{python}
import json, os, signal, sys, time
from pathlib import Path

def session(folder, reason):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text({config!r})
    (folder / "metrics.jsonl").write_text('{{"generation": 1}}\\n')
    path = folder / "manifest.json"
    old = json.loads(path.read_text())["sessions"] if path.exists() else []
    new = [*old, {{"exit_reason": reason}}]
    text = {{"format": 1, "config_digest": "x", "sessions": new}}
    path.write_text(json.dumps(text))

words = sys.argv
out = words[words.index("--out" if "--out" in words else "--resume") + 1]
run = Path(out)
exec((run.parents[1] / f"{{run.name}}.py").read_text())
"""
KILLED = "os.kill(os.getpid(), signal.SIGKILL)"
WAITS = "signal.signal(signal.SIGUSR1, lambda *_: {then}); time.sleep(60)"
ENDINGS = {
    "done": ("session(run, 'done')", "done", ""),
    "dies_after_it_is_done": (f"session(run, 'done'); {KILLED}", "done", ""),
    "crashes_before_it_begins": ("raise OSError('no CUDA')", "failed", "no CUDA"),
    "crashes_in_the_work": ("session(run, None); 1 / 0", "failed", "ZeroDivision"),
    "killed_at_work": (f"session(run, None); {KILLED}", "failed", "SIGKILL"),
    "killed_by_itself": (KILLED, "failed", "SIGKILL"),
    "a_rank_was_killed": ("session(run, None); sys.exit(137)", "failed", "SIGKILL"),
    "says_why": (
        "session(run, 'failed'); sys.exit('evolife: the disk is full\\nmore')",
        "failed",
        "the disk is full",
    ),
    "ends_with_a_warning": (
        "print('evolife: warning: so slow'); sys.exit(9)",
        "failed",
        "exit code 9",
    ),
    "leaves_without_a_word": ("sys.exit(0)", "failed", "exit code 0"),
    "leaves_its_control_out": ("session(run, None); sys.exit(0)", "failed", "code 0"),
    "was_stopped_by_hand": ("session(run, 'stopped'); sys.exit(75)", "stopped", ""),
}


@pytest.fixture
def a_sweep(tmp_path, monkeypatch):
    """Makes a sweep of runs that do what they are told, and a pool that runs them."""

    def made(bodies):
        sweep = load_sweep(str(write_sweep(tmp_path, {"seed": {"range": [0, 2]}})))
        folder = make(sweep, tmp_path / "out")
        entries = [Entry(name, {"seed": i}, ()) for i, name in enumerate(bodies)]
        write_entries(folder, entries)
        config = load_config("bandit", SMALL).to_yaml()
        program = tmp_path / "evolife-stand-in"
        program.write_text(FAKE.format(python=sys.executable, config=config))
        program.chmod(0o755)
        monkeypatch.setattr(pool.sys, "executable", str(program))
        for name, body in bodies.items():
            (folder.path / f"{name}.py").write_text(body)
        told = {}

        def tell(entry, how, seconds):
            told[entry.run] = how

        slots = [Slot((), 1)] * len(bodies)
        work = pool.Pool(folder, slots, Listed(entries), ["seed"], tell)
        return folder, entries, work, told

    return made


def answers(folder, entries):
    """State of every run as ``sweep --status``, ``report``, ``load``, ``watch`` say."""
    return [
        {row["run"]: row["state"] for row in summary(folder)["runs"]},
        {run.name: run.state for run in read_study([folder.path]).runs},
        dict(evolife.load(folder.path).table["state"]),
        {
            entry.run: evolife.watch(folder.run(entry.run).path)["state"]
            if folder.run(entry.run).config_path.exists()
            else standing(folder, entry).state
            for entry in entries
        },
        {
            entry.run: read_study([folder.run(entry.run).path]).runs[0].state
            if folder.run(entry.run).config_path.exists()
            else standing(folder, entry).state
            for entry in entries
        },
    ]


def test_every_ending_is_told_alike_by_everybody(a_sweep):
    bodies = {name: body for name, (body, _, _) in ENDINGS.items()}
    folder, entries, work, told = a_sweep(bodies)
    with locked(folder.path):
        work.run()
    wanted = {name: state for name, (_, state, _) in ENDINGS.items()}
    assert told == wanted
    assert answers(folder, entries) == [wanted] * 5
    for row in summary(folder)["runs"]:
        words = ENDINGS[row["run"]][2]
        assert words in row.get("message", "") and (words or "message" not in row), row


def test_those_that_were_asked_to_stop_are_stopped(a_sweep, monkeypatch):
    """By an ending of their own, by dying of the question, or by being insisted on."""
    then = {
        "with_a_checkpoint": "(session(run, 'stopped'), os._exit(75))",
        "under_mpirun": "os._exit(138)",
        "crashing": "1 / 0",
    }
    bodies = {name: WAITS.format(then=words) for name, words in then.items()}
    bodies["before_it_listens"] = "time.sleep(60)"
    ready = "(run.parents[1] / f'{run.name}.ready').touch(); "
    bodies = {name: ready + body for name, body in bodies.items()}
    folder, entries, work, told = a_sweep(bodies)

    def once_all_listen(self):
        time.sleep(0.05)
        if len(list(folder.path.glob("*.ready"))) == len(bodies) and not self._signals:
            time.sleep(0.2)
            pool.os.kill(pool.os.getpid(), pool.signal.SIGTERM)

    monkeypatch.setattr(pool.Pool, "_look", once_all_listen)
    with locked(folder.path), pytest.raises(Stopped):
        work.run()
    wanted = dict.fromkeys(bodies, "stopped") | {"crashing": "failed"}
    assert told == wanted
    assert answers(folder, entries) == [wanted] * 5


def test_a_killed_sweep_leaves_failures_and_one_that_is_called_again_none(a_sweep):
    """Until its starter is gone a run that was started is running, whatever it says."""
    folder, (one, other), _, _ = a_sweep({"begun": "", "starting": ""})
    put_session(folder, "begun", None)
    for entry in (one, other):
        note_start(folder, entry.run)
    aged(folder)
    with locked(folder.path):
        assert set(answers(folder, [one, other])[0].values()) == {"running"}
    wanted = {"begun": "failed", "starting": "failed"}
    assert answers(folder, [one, other]) == [wanted] * 5
    put_session(folder, "begun", "done")
    assert standing(folder, one).state == "done"


def test_what_was_noted_is_no_word_on_later_sessions(a_sweep):
    folder, (one,), _, _ = a_sweep({"one": ""})
    put_session(folder, "one", "failed")
    note_exit(folder, "one", 1, asked=False)
    assert standing(folder, one).state == "failed"
    for reason in ("stopped", "failed", "done"):
        put_session(folder, "one", reason)
        assert standing(folder, one).state == reason
    path = folder.exit_path("one")
    put_session(folder, "one", "stopped")
    for damage in (b"", b"[]", b'{"code": "x", "sessions": 9, "asked": true}', b"\xff"):
        path.write_bytes(damage)
        assert standing(folder, one).state == "stopped"


def test_a_control_that_did_not_end_leaves_its_run_unfinished(a_sweep):
    folder, (one,), _, _ = a_sweep({"one": ""})
    run = folder.run("one")
    put_session(folder, "one", "done")
    run.config_path.write_text(run.config_path.read_text().replace("control: null", ""))
    aged(folder)
    assert standing(folder, one).state == "failed"
    for reason, state in (("stopped", "stopped"), (None, "failed"), ("done", "done")):
        put_session(folder, f"one/{CONTROL}", reason)
        aged(folder)
        assert standing(folder, one).state == state


def test_words_of_an_earlier_session_explain_nothing(tmp_path):
    log = tmp_path / "run.log"
    log.write_text("-- first\nevolife: the disk is full\n-- second\n")
    found = run_status(SweepFolder(tmp_path).run("x"), Process(0, -11), log)
    assert (found.state, found.message) == ("failed", "ended by SIGSEGV")
    log.write_text("-- first\n" + "".join(f"line {i}\n" for i in range(99)))
    found = run_status(SweepFolder(tmp_path).run("x"), Process(0, 3), log)
    assert found.message.splitlines()[0] == "exit code 3; its log ends:"
    assert found.message.splitlines()[1:] == [f"line {i}" for i in range(91, 99)]


def put_session(folder, name, reason):
    """Add a session to a run's manifest."""
    run = folder.run(name)
    run.path.mkdir(parents=True, exist_ok=True)
    run.config_path.write_text(load_config("bandit", SMALL).to_yaml())
    run.metrics_path.write_text('{"generation": 1}\n')
    path, old = run.manifest_path, []
    if path.exists():
        old = json.loads(path.read_text())["sessions"]
    sessions = [*old, {"exit_reason": reason}]
    path.write_text(
        json.dumps({"format": 1, "config_digest": "x", "sessions": sessions})
    )


def aged(folder, seconds=500):
    """Let everything in a sweep be old."""
    then = time.time() - seconds
    for path in folder.path.rglob("*"):
        pool.os.utime(path, (then, then))


def test_a_kill_on_this_machine_is_known_at_once(a_sweep):
    """Whose locks are known needs no silence; of another machine's one waits."""
    folder, (one,), _, _ = a_sweep({"one": ""})
    put_session(folder, "one", None)
    assert standing(folder, one).state == "running", "a file system without locks"
    with locked(folder.run("one").path):
        assert standing(folder, one).state == "running"
    assert standing(folder, one).state == "failed"
    (folder.run("one").path / ".lock").write_text("process 1 on another\n")
    assert standing(folder, one).state == "running"
    aged(folder)
    assert standing(folder, one).state == "failed"
