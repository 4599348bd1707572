"""A sweep runs to its end whatever happens, and repeats nothing."""

import json
import re
import signal

import pytest

from evolife.storage.sweep_folder import SweepFolder, read_entries
from evolife.storage.sweep_status import standings
from evolife.sweeps.prepare import make, note_entries, prepare
from tests.cli_tools import (
    check_every_json,
    complaint,
    descendants,
    digests,
    gone,
    lines_so_far,
    run,
    run_here,
    started,
    until,
)
from tests.sweep_tools import SMALL, write_sweep

GRID = {"strategy.sigma": {"values": [0.1, 0.2, 0.3]}, "seed": {"values": [1]}}
LONG = (*SMALL[:4], "generations=100000", *SMALL[5:6], "checkpoint={every: 1000}")
LONG += SMALL[7:]


def states(folder):
    """By run; empty before there is a sweep."""
    found = SweepFolder(folder)
    entries = read_entries(found) if found.is_sweep() else []
    return {one.entry.run: one.state for one in standings(found, entries)}


def sessions(folder):
    """How often each run was begun."""
    return {
        path.parent.name: len(json.loads(path.read_text())["sessions"])
        for path in sorted(folder.glob("runs/*/manifest.json"))
    }


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory):
    """A sweep that was killed when its first run had ended, then called again."""
    folder = tmp_path_factory.mktemp("sweep")
    path, out = write_sweep(folder, GRID), folder / "out"
    words = ("sweep", path, *SMALL, "--out", out, "--max-parallel", 1)
    with started(*words) as process:
        assert until(lambda: "done" in states(out).values())
        family = descendants(process.pid)
        process.kill()
        assert gone(family)
    before = (
        states(out),
        {path: path.stat() for path in sorted(out.glob("runs/*/metrics.jsonl"))},
    )
    again = run(*words, "--json")
    assert again.returncode == 0, again.stderr
    return out, before, json.loads(again.stdout)


def test_a_killed_sweep_goes_on_without_repeating(disturbed):
    out, (before, files), report = disturbed
    done = [name for name, state in before.items() if state == "done"]
    assert 1 <= len(done) < 3
    assert report["states"] == {"done": 3} and set(states(out).values()) == {"done"}
    again = sessions(out)
    for path, as_it_was in files.items():
        if path.parent.name in done:
            assert again[path.parent.name] == 1
            now = path.stat()
            assert now.st_mtime_ns == as_it_was.st_mtime_ns
            assert now.st_ino == as_it_was.st_ino


def test_every_json_that_a_sweep_writes_is_strict(disturbed):
    names = check_every_json(disturbed[0])
    assert {"sweep.jsonl", "metrics.jsonl", "champions.json"} <= names


def test_a_run_of_a_sweep_is_the_run_by_hand(disturbed, tmp_path):
    out, _, _ = disturbed
    by_hand = tmp_path / "by_hand"
    words = ("strategy.sigma=0.2", "seed=1")
    result = run_here("train", "bandit", *SMALL, *words, "--ranks", 1, "--out", by_hand)
    assert result.returncode == 0, result.stderr
    wanted = {"strategy.sigma": 0.2, "seed": 1}
    entries = read_entries(SweepFolder(out))
    name = next(entry.run for entry in entries if entry.parameters == wanted)
    assert digests(out / "runs" / name) == digests(by_hand)


def test_the_best_is_the_best(disturbed):
    out, _, report = disturbed
    scores = [row["held_out"] for row in report["runs"]]
    tables = [
        json.loads((out / "runs" / row["run"] / "champions/champions.json").read_text())
        for row in report["runs"]
    ]
    assert scores == [table["champions"][0]["held_out"] for table in tables]
    assert report["best"]["held_out"] == max(scores)


def test_status_tells_the_same(disturbed):
    out, _, report = disturbed
    told = run_here("sweep", out, "--status", "--json")
    assert told.returncode == 0 and json.loads(told.stdout) == report


def test_values_may_be_added_but_not_taken_away(disturbed, tmp_path):
    out, _, _ = disturbed
    fewer = write_sweep(tmp_path, GRID | {"seed": {"value": 0}})
    other = run_here("sweep", fewer, *SMALL, "--out", out)
    assert other.returncode == 2
    assert "holds another sweep: 3 of its 3 runs are not in this one" in other.stderr
    same = write_sweep(tmp_path, GRID)
    base = run_here("sweep", same, *SMALL, "lifetime.bins=2", "--out", out)
    assert base.returncode == 2 and "another base" in complaint(base)
    more = [*GRID["strategy.sigma"]["values"], 0.4]
    added = write_sweep(tmp_path, GRID | {"strategy.sigma": {"values": more}})
    told = run_here("sweep", added, *SMALL, "--out", out, "--json")
    assert json.loads(told.stdout)["states"] == {"done": 4}
    assert all(count <= 2 for count in sessions(out).values())


def test_one_failure_stops_no_other(tmp_path):
    """A file that is no run's lies where one should begin."""
    path = write_sweep(tmp_path, {"seed": {"range": [0, 3]}})
    out = tmp_path / "out"
    prepared = prepare(str(path), SMALL)
    folder = make(prepared.sweep, out)
    mine = folder.run(prepared.entries[1].run).path / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("precious")
    result = run_here("sweep", path, *SMALL, "--out", out)
    assert result.returncode == 1, result.stderr
    assert sorted(states(out).values()) == ["done", "done", "failed"]
    assert "1 of 3 runs failed" in result.stderr
    assert re.search(r"failed: seed_1-\w+: .* is not empty", result.stdout)
    assert mine.read_text() == "precious"


def test_a_signal_leaves_checkpoints_and_a_second_call_goes_on(tmp_path):
    out, path = tmp_path / "out", write_sweep(tmp_path, {"seed": {"range": [0, 3]}})
    words = ("sweep", path, *LONG, "--out", out)
    with started(*words) as process:
        assert until(lambda: any(map(lines_so_far, out.glob("runs/*"))))
        busy = run(*words)
        assert busy.returncode == 2 and "in use by process" in busy.stderr
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate()
    assert process.returncode == 75, said
    assert f"go on with: evolife sweep {out}" in said
    stopped = [name for name, state in states(out).items() if state == "stopped"]
    assert stopped and "running" not in states(out).values()
    for name in stopped:
        assert list((out / "runs" / name / "checkpoints").glob("gen_*"))


def test_what_lies_in_the_way_is_left_alone(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious.txt").write_text("mine")
    result = run_here("sweep", write_sweep(tmp_path, GRID), *SMALL, "--out", out)
    assert result.returncode == 2 and "holds something else" in result.stderr
    assert [path.name for path in out.iterdir()] == ["precious.txt"]


def test_a_half_written_run_is_taken_over_or_left_alone(tmp_path):
    """Empty folders are no obstacle; files that no run could go on from are kept."""
    out, path = tmp_path / "out", write_sweep(tmp_path, {"seed": {"range": [0, 2]}})
    prepared = prepare(str(path), SMALL)
    folder = make(prepared.sweep, out)
    note_entries(folder, prepared.entries)
    first, second = (folder.run(entry.run).path for entry in prepared.entries)
    (first / "logs").mkdir(parents=True)
    second.mkdir()
    (second / "metrics.jsonl").write_text('{"generation": 1')
    result = run_here("sweep", out, "--json")
    assert result.returncode == 1 and "is not empty and holds no run" in result.stdout
    assert sorted(states(out).values()) == ["done", "failed"]
    assert [file.name for file in second.iterdir()] == ["metrics.jsonl"]


def test_a_sweep_is_not_started_by_mpirun(tmp_path):
    inside = {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}
    path = write_sweep(tmp_path, GRID)
    result = run("sweep", path, "--out", tmp_path / "out", extra=inside)
    assert result.returncode == 2 and "without mpirun" in result.stderr
