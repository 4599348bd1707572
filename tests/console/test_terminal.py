"""What is printed: one JSON document, or text that fits the screen and stays whole."""

import io
import json
import math

import numpy as np
import pytest

from evolife.console import progress
from evolife.console.terminal import Terminal


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def spoken(**options: object) -> tuple[Terminal, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    return Terminal(stdout=out, stderr=err, **options), out, err


CHAMPION = {
    "rank": 1,
    "source": "generation 120, member 17, an uncommonly long story of its origin",
    "selected": 6.9,
    "validated": 6.7,
    "held_out": 6.5,
    "interval": (6.4, 6.6),
    "gap": 0.2,
}


def test_json_mode_prints_one_document_and_nothing_else() -> None:
    terminal, out, err = spoken(json=True)
    terminal.text("words")
    terminal.table("t", ["a"], [[1]])
    terminal.champions([CHAMPION])
    terminal.warning("beware")
    with terminal.progress(3) as display:
        display.update(1, {"fitness/best": 1.0})
    terminal.print_json({"score": np.float32(0.1), "gap": math.nan, "name": "é" * 200})
    document = json.loads(out.getvalue())
    assert document == {"score": 0.1, "gap": None, "name": "é" * 200}
    assert "evolife: warning: beware\n" in err.getvalue()
    with pytest.raises(RuntimeError, match="one JSON document"):
        terminal.print_json({})


def test_the_table_fits_80_columns_and_says_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    terminal, out, err = spoken()
    terminal.champions([CHAMPION])
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80 and err.getvalue() == ""
    for word in ("6.7", "6.5", "6.4 .. 6.6", "0.2", "uncommonly", "held-out"):
        assert word in out.getvalue()


def test_messages_stay_whole_without_markup_or_escape_codes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    terminal, out, err = spoken()
    path = "/tmp/" + "long" * 40
    terminal.warning(f"[red]no[/red] :smile: {path}")
    terminal.text(path)
    assert err.getvalue() == f"evolife: warning: [red]no[/red] :smile: {path}\n"
    assert out.getvalue() == path + "\n"
    terminal.table("agents", ["name"], [["gru"]])
    assert "gru" in out.getvalue() and "\x1b" not in out.getvalue()


def test_progress_elsewhere_is_the_first_a_few_and_the_last_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    terminal, out, err = spoken(interval=10.0)
    with terminal.progress(total=50, done=10) as display:
        for generation in range(11, 48):
            now[0] += 260.0 if generation == 11 else 1.0
            metrics = {"fitness/best": 1.5, "env_steps_per_s": 5.4e6}
            display.update(generation, metrics)
    lines = err.getvalue().splitlines()
    said = [int(line.split()[1].split("/")[0]) for line in lines]
    assert said == [11, 21, 31, 41, 47]
    # The first generation of a session is no pace: everything is compiled in it.
    assert lines[0] == "generation 11/50  best 1.5  5.4M steps/s  ETA -:--"
    assert lines[1] == "generation 21/50  best 1.5  5.4M steps/s  ETA 0:29"
    assert "\x1b" not in err.getvalue() and out.getvalue() == ""


def test_the_screen_is_given_back_after_an_interrupt() -> None:
    err = Screen()
    terminal = Terminal(stdout=io.StringIO(), stderr=err)
    with pytest.raises(KeyboardInterrupt), terminal.progress(9) as display:
        display.update(3, {"fitness/best": 1.25})
        raise KeyboardInterrupt
    hidden, given_back = (
        err.getvalue().find("\x1b[?25l"),
        err.getvalue().rfind("\x1b[?25h"),
    )
    assert 0 <= hidden < given_back
    assert "1.25" in err.getvalue()


def test_durations_and_counts_read_well() -> None:
    assert [progress.duration(s) for s in (0, 59.6, 3599, 3661)] == [
        "0:00",
        "1:00",
        "59:59",
        "1:01:01",
    ]
    assert [progress.count(n) for n in (950, 12_345, 5.4e6, 2e9)] == [
        "950",
        "12.3k",
        "5.4M",
        "2G",
    ]
