"""What ``evolife watch`` shows is what the files say; the files stay as they are."""

import contextlib
import itertools
import json
import os
import pty
import random
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import evolife
from evolife.console.frame import ASCII, BLOCKS, frame, strokes_for
from evolife.console.progress import duration
from evolife.results.live.history import KEYS, History, seconds_per_generation, shares
from evolife.results.live.run_view import RunView
from evolife.results.live.sweep_view import SweepView
from evolife.results.live.tail import Tail
from evolife.storage.lock import locked
from evolife.storage.run_folder import CONTROL, RunFolder
from evolife.storage.sweep_folder import Entry, SweepFolder, write_entries
from tests.cli_tools import (
    TINY,
    complaint,
    environment,
    metrics,
    run,
    run_here,
    started,
    tree,
    until,
)

GOAL = 20
CHAMPION = {
    "rank": 1,
    "source": "member 3",
    "selected": 9.0,
    "validated": 9.0,
    "held_out": 7.5,
    "interval": [7.0, 8.0],
    "gap": 1.5,
}


def line(generation, pace=2.0, **more):
    """A line of metrics of a run that takes ``pace`` seconds a generation."""
    return {
        "generation": generation,
        "wall_s": pace * generation,
        "env_steps_per_s": 12345.0,
        "fitness/best": 2.0 * generation,
        "fitness/mean": float(generation),
        "time/generation": 1.0,
        "time/live": 0.75,
        "time/gather": 0.05,
        "time/update": 0.1,
        "life/best": [0.0, 1.0],
        "digest": "ab",
        **more,
    }


def put(folder, lines, ends=(None,), control="null", goal=GOAL):
    """A run folder with these lines, whose sessions ended so."""
    folder = RunFolder(folder)
    folder.champions.mkdir(parents=True, exist_ok=True)
    text = f"name: synthetic\ngenerations: {goal}\ncontrol: {control}\n"
    folder.config_path.write_text(text)
    sessions = [{"exit_reason": end} for end in ends]
    manifest = {"format": 1, "config_digest": "x", "sessions": sessions}
    folder.manifest_path.write_text(json.dumps(manifest))
    if lines:
        add(folder, lines)
    if ends[-1:] == ("done",):
        path = folder.champions / "champions.json"
        path.write_text(json.dumps({"champions": [CHAMPION]}))
    return folder


def add(folder, lines):
    with folder.metrics_path.open("a") as file:
        file.writelines(json.dumps(each) + "\n" for each in lines)


def shown(folder, width=100):
    return "\n".join(frame(evolife.watch(folder), width, BLOCKS))


# --- drawing


def test_a_sparkline_shows_each_level_of_a_ramp():
    assert BLOCKS.sparkline(range(8), 8) == "▁▂▃▄▅▆▇█"
    assert ASCII.sparkline(range(8), 8) == "_.-~=+*#"
    assert BLOCKS.sparkline([5, 5, 5], 8) == "▁▁▁"
    assert BLOCKS.sparkline([0, None, 7], 8) == "▁ █"
    assert BLOCKS.sparkline([None, None], 8) == "  " and BLOCKS.sparkline([], 8) == ""
    # Means of two each: 0.5, 2.5, 4.5, 6.5, which lie at 0, 1/3, 2/3 and 1.
    assert BLOCKS.sparkline(range(8), 4) == "▁▃▆█"
    assert [BLOCKS.bar(x, 4) for x in (-1, 0, 0.5, 0.99, 1, 2)] == [
        *("╌╌╌╌", "╌╌╌╌", "━━╌╌", "━━━╌", "━━━━", "━━━━"),
    ]


@pytest.mark.parametrize(
    ("encoding", "wanted"),
    [
        ("utf-8", BLOCKS),
        ("ascii", ASCII),
        ("latin-1", ASCII),
        (None, ASCII),
        ("?", ASCII),
    ],
)
def test_blocks_are_drawn_where_the_encoding_has_them(encoding, wanted):
    assert strokes_for(encoding) is wanted


# --- reading


def test_a_tail_reads_every_line_once_however_the_file_grows(tmp_path):
    """Cut anywhere, also within a line."""
    draw = random.Random(0)
    content = b"".join(json.dumps(line(g)).encode() + b"\n" for g in range(1, 60))
    cuts = sorted(draw.sample(range(len(content)), 40))
    tail, found = Tail(tmp_path / "m.jsonl"), []
    assert tail.read() == ([], False) and tail.changed is None
    for begin, end in itertools.pairwise([0, *cuts, len(content)]):
        with (tmp_path / "m.jsonl").open("ab") as file:
            file.write(content[begin:end])
        lines, restarted = tail.read()
        assert not restarted
        found += lines
    assert [each["generation"] for each in found] == [*range(1, 60)]
    assert tail.read() == ([], False) and tail.changed is not None


def test_a_tail_leaves_out_what_is_damaged(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_bytes(
        b'{"generation": 1}\nnonsense\n[1]\n{"generation": "x"}\n{}\n\xff\n'
        b'{"generation": 2}\n{"generation": 2}\n{"generation": 3}\n{"gener'
    )
    lines, _ = Tail(path).read()
    assert [each["generation"] for each in lines] == [1, 2, 3]


@pytest.mark.parametrize("kept", [0, 3, 7])
def test_a_tail_notices_that_a_resume_cut_the_file(tmp_path, kept):
    folder = put(tmp_path / "run", [line(g) for g in range(1, 9)])
    tail = Tail(folder.metrics_path)
    tail.read()
    # As a resume does it: written beside and renamed, and then grown beyond.
    (tmp_path / "beside").write_text(
        "".join(json.dumps(line(g)) + "\n" for g in range(1, kept + 1))
        + "".join(json.dumps(line(g, pace=9.0)) + "\n" for g in range(kept + 1, 13))
    )
    (tmp_path / "beside").rename(folder.metrics_path)
    lines, restarted = tail.read()
    assert restarted and [each["generation"] for each in lines] == [*range(1, 13)]
    folder.metrics_path.unlink()
    assert tail.read() == ([], True)


@pytest.fixture(scope="module")
def long_run(tmp_path_factory):
    """A run of 300,000 generations, in some 80 megabytes."""
    folder = put(tmp_path_factory.mktemp("long") / "run", [], goal=400_000)
    template = json.dumps(line(7_777_777, wall_s=8_888_888))
    with folder.metrics_path.open("w") as file:
        for g in range(1, 300_001):
            text = template.replace("7777777", str(g), 1)
            file.write(text.replace("8888888", str(2 * g)) + "\n")
    assert folder.metrics_path.stat().st_size > 5e7
    return folder


def test_a_long_run_is_looked_at_in_no_time(long_run):
    """Less than a second of work; parsing all of it takes three and more."""
    view = RunView(long_run)
    began = time.process_time()
    first = view.snapshot()
    spent = time.process_time() - began
    assert spent < 1
    assert first["generation"] == 300_000
    assert first["seconds_per_generation"] == pytest.approx(2)
    seen = np.asarray(first["history"]["generation"])
    assert len(seen) <= 120 and seen[0] < 5000 and seen[-1] == 300_000
    assert np.diff(seen).max() < 300_000 / 40, "no stretch is left out"
    add(long_run, [line(300_001)])
    again = view.snapshot()
    assert again["generation"] == 300_001


def test_a_history_shows_means_over_equal_spans():
    history, values = History(), np.random.default_rng(0).normal(size=1200)
    for g, value in enumerate(values, start=1):
        history.add({"generation": g, KEYS[0]: value, KEYS[1]: -value})
    found = history.thinned(120)
    assert found["generation"] == [*range(10, 1201, 10)]
    wanted = values.reshape(120, 10).mean(1)
    np.testing.assert_allclose(found["fitness/best"], wanted)
    np.testing.assert_allclose(found["fitness/mean"], -wanted)
    for g in range(1201, 50_001):
        history.add({"generation": g, KEYS[0]: float(g), KEYS[1]: None})
    found = history.thinned(60)
    assert len(history._points) <= 2000
    assert len(found["generation"]) == 60 and found["generation"][-1] == 50_000
    assert set(found["fitness/mean"][2:]) == {None}
    middle = np.arange(2.5, 60) * 50_000 / 60
    # On a ramp a mean lies within its span, however its points were thinned before.
    span = 50_000 / 60
    np.testing.assert_allclose(found["fitness/best"][2:], middle, atol=span / 2)
    history.clear()
    assert history.thinned(5)["generation"] == []


# --- pace and state


def test_the_pace_is_that_of_the_last_lines_without_pauses():
    lines = [line(g, pace=0.5) for g in range(1, 30)]
    assert seconds_per_generation(lines) == pytest.approx(0.5)
    # A resume that compiled for a minute in between, and lines left out.
    later = [line(g, wall_s=60 + 0.5 * g) for g in range(30, 60, 3)]
    assert seconds_per_generation([*lines, *later]) == pytest.approx(0.5)
    # Every tenth takes four times as long: the mean, not the median.
    walls = np.cumsum([4.0 if g % 10 == 0 else 1.0 for g in range(1, 51)])
    uneven = [line(g, wall_s=float(w)) for g, w in enumerate(walls, start=1)]
    assert seconds_per_generation(uneven) == pytest.approx((walls[-1] - walls[0]) / 49)
    assert seconds_per_generation(lines[:1]) is None
    assert seconds_per_generation([]) is None
    assert seconds_per_generation([line(1, wall_s=None), line(2, wall_s=None)]) is None


def test_shares_are_parts_of_the_whole_time():
    lines = [line(1), line(2, **{"time/generation": 3.0, "time/live": 2.25})]
    found = shares(lines)
    assert found == pytest.approx({"live": 3 / 4, "gather": 0.1 / 4, "update": 0.2 / 4})
    assert shares([{"generation": 1}]) == {}


def test_the_time_left_is_pace_times_generations_left(tmp_path):
    folder = put(tmp_path / "run", [line(g) for g in range(1, 9)])
    now = time.time()
    os.utime(folder.metrics_path, (now - 0.5, now - 0.5))
    with locked(folder.path):
        found = evolife.watch(folder.path)
    assert found["state"] == "running" and found["seconds_per_generation"] == 2
    # 12 are left, and half a second of the next one is over.
    assert found["eta_s"] == pytest.approx(12 * 2 - 0.5, abs=0.4)
    assert found["age_s"] == pytest.approx(0.5, abs=0.4)
    put(folder.path, [], ends=("stopped",))
    assert evolife.watch(folder.path)["eta_s"] is None


def aged(folder, seconds):
    """Let all files of a run be so old; return the run's state."""
    then = time.time() - seconds
    for path in folder.path.rglob("*"):
        os.utime(path, (then, then))
    return evolife.watch(folder.path)["state"]


def test_a_run_is_done_once_its_control_is(tmp_path):
    folder = put(tmp_path / "run", [line(1)], ("done",), "{seed: 1}")
    put(folder.path / CONTROL, [line(g) for g in range(1, 4)], (None,))
    assert aged(folder, 500.0) == "failed"
    slow = [line(g, **{"time/generation": 200.0}) for g in range(4, 6)]
    add(RunFolder(folder.path / CONTROL), slow)
    assert aged(folder, 500.0) == "running"
    look = evolife.watch(folder.path)
    assert look["control"]["generation"] == 5
    assert "generation 5/20" in shown(folder.path)
    put(folder.path / CONTROL, [], ("done",))
    assert aged(folder, 500.0) == "done"
    assert evolife.watch(folder.path)["over"]


# --- frames


def test_a_frame_tells_all_there_is_to_know(tmp_path):
    ranks = {
        "ranks": 8,
        "ranks/live_min": 0.25,
        "ranks/live_median": 0.5,
        "ranks/live_max": 1.75,
        "ranks/slowest": 3,
    }
    warned = [line(g, warnings=[f"beware {g}"], **ranks) for g in range(1, 9)]
    folder = put(tmp_path / "run", warned)
    with locked(folder.path):
        text = shown(folder.path)
    for words in (
        *("synthetic  running", "generation 8/20", "40%", "ETA 0:2"),
        *("best ▁▂▃▄▅▆▇█ 16  (2 .. 16)", "mean ▁▂▃▄▅▆▇█ 8  (1 .. 8)"),
        *("12.3k steps/s  8 ranks", "live 0.25 / 0.5 / 1.75 s  slowest: rank 3"),
        *("time: live 75%  gather 5%  update 10%",),
        *(f"warning, generation {g}: beware {g}" for g in (6, 7, 8)),
    ):
        assert words in text
    assert "beware 5" not in text and "no news" not in text


def test_the_validation_curve_is_drawn_where_a_run_has_one(tmp_path):
    """A point of it stands until the next one, in line with the generations."""
    points = {
        g: {"validation/mean": float(g), "validation/low": g - 1.0} for g in (3, 5, 8)
    }
    folder = put(tmp_path / "run", [line(g, **points.get(g, {})) for g in range(1, 7)])
    view = RunView(folder)
    look = view.snapshot()
    newest = {"generation": 5, "mean": 5.0, "low": 4.0, "high": None}
    assert look["validation"] == newest == evolife.watch(folder.path)["validation"]
    assert look["history"]["validation/mean"] == [None, None, 3.0, None, 5.0, None]
    rows = [row for row in frame(look, 100, BLOCKS) if "▁" in row]
    assert rows == [
        "best       ▁▂▄▅▇█ 12  (2 .. 12)",
        "mean       ▁▂▄▅▇█ 6  (1 .. 6)",
        "validation   ▁▁██ 5  (3 .. 5)",
    ]
    add(folder, [line(7), line(8, **points[8])])
    assert view.snapshot()["validation"]["mean"] == 8
    add(folder, [line(9, **{"validation/mean": None})])
    assert "validation   ▁▁▄▄▄██ not finite  (3 .. 8)" in shown(folder.path)
    # A resume that begins again has not validated anything yet.
    folder.metrics_path.unlink()
    add(folder, [line(1)])
    assert view.snapshot()["validation"] is None
    assert "\nvalidation" not in shown(folder.path)


def test_a_frame_of_an_older_run_leaves_out_what_it_does_not_know(tmp_path):
    bare = {"generation": 3, "fitness/best": None, "fitness/mean": 1.5}
    text = shown(put(tmp_path / "run", [bare]).path)
    assert "generation 3/20" in text and "mean ▁ 1.5" in text
    assert "best   not finite" in text
    assert not re.search("rank|time|steps/s|None|nan", text)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_frame_fits_its_screen(tmp_path, width):
    folder = put(tmp_path / "run", [line(g) for g in range(1, 1001)], goal=1000)
    lines = frame(evolife.watch(folder.path), width, BLOCKS)
    assert max(map(len, lines[1:4])) <= width
    assert max(map(len, lines[1:4])) > min(width, 60) / 2


def test_silence_is_told(tmp_path):
    folder = put(tmp_path / "run", [line(1), line(2)])
    now = time.time()
    os.utime(folder.metrics_path, (now - 300, now - 300))
    os.utime(folder.manifest_path, (now - 300, now - 300))
    assert "failed: killed, or its machine stopped" in shown(folder.path)
    with locked(folder.path):
        assert "no news for 5:00: still running" in shown(folder.path)
    put(folder.path, [], ends=("stopped",))
    assert "no news for 5:00: not running" in shown(folder.path)
    put(folder.path, [], ends=("done",))
    assert "no news" not in shown(folder.path)


# --- sweeps


def put_sweep(path, states, metric="{name: fitness/mean, goal: maximize}"):
    """A sweep whose runs have come as far as ``states`` says: name to lines, end."""
    sweep = SweepFolder(path)
    sweep.path.mkdir()
    sweep.spec_path.write_text(f"name: many\nmetric: {metric}\n")
    sweep.base_path.write_text(f"name: synthetic\ngenerations: {GOAL}\n")
    entries = [Entry(name, {"seed": i}, ()) for i, name in enumerate(states)]
    write_entries(sweep, entries)
    for name, given in states.items():
        if given is not None:
            put(sweep.run(name).path, *given)
    return sweep


def some(count, pace=2.0, level=0.0):
    """Lines of a run whose fitness ends at ``level + count``."""
    more = [{"fitness/mean": level + g} for g in range(1, count + 1)]
    return [line(g, pace, **m) for g, m in enumerate(more, start=1)]


def test_a_sweep_counts_compares_and_estimates(tmp_path):
    states = {
        "a": (some(20), ("done",)),
        "b": (some(10, pace=2.0, level=30.0),),
        "c": (some(4, pace=1.0),),
        "d": (some(6), ("stopped",)),
        "e": None,
    }
    sweep = put_sweep(tmp_path / "sweep", states)
    view = SweepView(sweep)
    with contextlib.ExitStack() as held:
        for name in ("b", "c"):
            held.enter_context(locked(sweep.run(name).path))
        look = view.snapshot()
        assert view.snapshot()["counts"] == look["counts"], "again, from what is kept"
        text = "\n".join(frame(look, 100, BLOCKS))
    known = {state: n for state, n in look["counts"].items() if n}
    assert known == {"done": 1, "running": 2, "stopped": 1, "waiting": 1}
    assert not look["over"] and look["runs"] == 5
    assert look["best"] == {"run": "b", "value": 40.0, "parameters": {"seed": 1}}
    # b has 10 left, c 16, d 14 and e 20; b lives half a generation a second, c one.
    assert look["eta_s"] == pytest.approx((10 + 16 + 14 + 20) / 1.5)
    rows = {one["run"]: one["generation"] for one in look["running"]}
    assert rows == {"b": 10, "c": 4}
    for words in ("many  sweep of 5 runs", "1 done", "2 running", "ETA 0:40", "10/20"):
        assert words in text
    assert "best fitness/mean 40: b" in text and "seed=1" in text
    few = frame(look, 100, BLOCKS, 1)
    assert "and 1 more running" in few and not any(row.endswith(" c") for row in few)


@pytest.mark.parametrize(
    ("metric", "best", "value"),
    [
        ("{name: fitness/mean, goal: minimize}", "b", 4.0),
        ("{name: fitness/mean, goal: maximize}", "a", 6.0),
        ("{name: held_out, goal: maximize}", "a", 7.5),
        ("{name: nothing, goal: maximize}", None, None),
    ],
)
def test_the_best_run_is_so_by_the_metric_of_the_sweep(tmp_path, metric, best, value):
    ended = {"a": (some(6), ("done",)), "b": (some(4), ("stopped",))}
    look = SweepView(put_sweep(tmp_path / "sweep", ended, metric)).snapshot()
    found = look["best"] or {"run": None, "value": None}
    assert (found["run"], found["value"]) == (best, value)
    assert look["eta_s"] is None


def test_a_sweep_is_over_when_nothing_is_left_to_do(tmp_path):
    sweep = put_sweep(tmp_path / "sweep", {"a": (some(3), ("done",))})
    view = SweepView(sweep)
    assert view.snapshot()["over"]
    with locked(sweep.path):
        assert not view.snapshot()["over"], "a search may still add runs"
    # A sweep may grow, and a run that was done may go on.
    write_entries(sweep, [Entry(name, {}, ()) for name in ("a", "b")])
    assert not view.snapshot()["over"]
    write_entries(sweep, [Entry("a", {}, ())])
    put(sweep.run("a").path, [], ("done", "stopped"), goal=GOAL)
    os.utime(sweep.run("a").config_path, (1, 1))
    assert view.snapshot()["counts"]["stopped"] == 1


# --- the command


def test_looking_once_prints_and_touches_nothing(tmp_path):
    done = put(tmp_path / "done", some(20), ("done",))
    sweep = put_sweep(tmp_path / "sweep", {"a": (some(3), ("done",)), "b": None})
    before = tree(tmp_path)
    for folder in (done.path, sweep.path):
        text, told = (run_here("watch", folder, word) for word in ("--once", "--json"))
        assert (
            (text.returncode, text.stderr) == (told.returncode, told.stderr) == (0, "")
        )
        found = json.loads(told.stdout, parse_constant=pytest.fail)
        wanted = evolife.watch(folder)
        for one in (found, wanted):
            one.pop("age_s", None)
        assert found == json.loads(json.dumps(wanted))
    assert tree(tmp_path) == before
    text = run_here("watch", done.path).stdout
    assert "generation 20/20" in text and "member 3" in text and "7 .. 8" in text


def test_a_terminal_without_blocks_gets_ascii(tmp_path):
    folder = put(tmp_path / "ä", [*some(5), line(6, warnings=["später"])])
    result = run("watch", folder.path, "--once", extra={"PYTHONIOENCODING": "ascii"})
    assert result.returncode == 0, result.stderr
    assert result.stdout.isascii() and "_.~+*#"[0] in result.stdout


def test_no_jax_is_imported_for_looking(tmp_path):
    folder = put(tmp_path / "run", some(5), ("done",))
    code = (
        "import sys; from evolife.cli import main; code = main(sys.argv[1:]); "
        "heavy = {'jax', 'pandas', 'scipy', 'matplotlib'} & set(sys.modules); "
        "assert not heavy, heavy; sys.exit(code)"
    )
    words = [sys.executable, "-c", code, "watch", str(folder.path)]
    result = subprocess.run(words, capture_output=True, text=True, env=environment())
    assert result.returncode == 0, result.stderr


def test_what_is_nothing_to_watch_is_refused(tmp_path):
    put(tmp_path / "run", [])
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "config.yaml").write_text("a: [\n")
    for words, told in (
        ((tmp_path / "rnu",), "mean 'run'"),
        ((tmp_path,), "is not a run folder"),
        ((tmp_path / "damaged", "--once"), "not valid YAML"),
        ((tmp_path / "run", "--interval", "0"), "--interval 0: allowed are 0.1 to"),
        ((tmp_path / "run", "--interval", "nan"), "--interval not a number"),
    ):
        assert told in complaint(run_here("watch", *words))


def test_it_waits_for_news_prints_them_and_ends_with_ctrl_c(tmp_path):
    folder = put(tmp_path / "run", [], ())
    with started("watch", folder.path, "--interval", "0.1") as watching:
        heard = iter(watching.stdout.readline, "")
        assert until(lambda: "no metrics yet" in next(heard))
        add(folder, some(7))
        assert until(lambda: "generation 7/20" in next(heard))
        add(folder, [line(8)])
        assert until(lambda: "generation 8/20" in next(heard))
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=10) == 0
        assert watching.stderr.read() == ""


def test_it_ends_by_itself_with_the_champions(tmp_path):
    folder = put(tmp_path / "run", some(5))
    with started("watch", folder.path, "--interval", "0.1") as watching:
        heard = iter(watching.stdout.readline, "")
        assert until(lambda: "generation 5/20" in next(heard))
        put(folder.path, [], ("done",))
        rest = watching.stdout.read()
        assert watching.wait(timeout=10) == 0
    assert "synthetic  done" in rest and rest.rstrip().endswith("1.5")


def test_a_screen_is_redrawn_in_place(tmp_path):
    folder = put(tmp_path / "run", some(5))
    screen, side = pty.openpty()
    words = [sys.executable, "-m", "evolife", "watch", str(folder.path)]
    env = environment(TERM="xterm", COLUMNS="90", LINES="30", PYTHONIOENCODING="utf-8")
    with subprocess.Popen(
        [*words, "--interval", "0.1"], stdin=side, stdout=side, stderr=side, env=env
    ) as watching:
        os.close(side)
        seen = read_until(screen, "generation 5/20")
        add(folder, [line(6)])
        seen += read_until(screen, "generation 6/20")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=10) == 0
    os.close(screen)
    assert "\x1b[1A" in seen, "the cursor goes up to draw over the last frame"
    assert "▁▃▅▆█" in seen and "Traceback" not in seen


def read_until(descriptor, words, seconds=20):
    seen, deadline = b"", time.monotonic() + seconds
    while words.encode() not in seen:
        assert time.monotonic() < deadline, seen
        seen += os.read(descriptor, 65536)
    return seen.decode(errors="replace")


def test_a_run_that_goes_on_is_watched_as_it_goes(tmp_path):
    folder = tmp_path / "run"
    words = ("train", "bandit", *TINY, "generations=1000000", "--ranks", 1)
    with started(*words, "--out", folder):
        assert until(lambda: (folder / "metrics.jsonl").exists() and metrics(folder))
        first = evolife.watch(folder)
        assert until(lambda: evolife.watch(folder)["generation"] > first["generation"])
        look = evolife.watch(folder)
        assert look["state"] == "running" and not look["over"]
        left = (1_000_000 - look["generation"]) * look["seconds_per_generation"]
        assert look["eta_s"] == pytest.approx(left, rel=0.01)
        assert duration(look["eta_s"]) in shown(folder) or "ETA" in shown(folder)
        assert 0 < sum(look["shares"].values()) <= 3 and look["metrics"]["ranks"] == 1
    now = time.time()
    for name in ("metrics.jsonl", "manifest.json"):
        os.utime(folder / name, (now - 30, now - 30))
    look = evolife.watch(folder)
    assert look["state"] == "failed" and look["eta_s"] is None
