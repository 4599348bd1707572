"""The harness of the speed benchmarks, with evolife as its only contender."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.paths import ROOT

BENCHMARKS = ROOT / "benchmarks"
ROW = "gru-bandit"


@pytest.fixture
def speed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import speed.report
    import speed.results
    import speed.rows
    import speed.statistics

    return speed


def run(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    size = ("--population", "8", "--steps", "20", "--seconds", "0.01")
    command = [sys.executable, str(BENCHMARKS / "speed.py"), "--out", str(out)]
    return subprocess.run(
        [*command, *size, *arguments], capture_output=True, text=True, timeout=120
    )


def test_a_row_is_measured_recorded_and_not_repeated(tmp_path: Path) -> None:
    done = run(tmp_path, "--rows", ROW, "--rounds", "3")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((tmp_path / "speed.json").read_text())["rows"]
    assert row["name"] == ROW and row["rounds"] == 3 and not row["failure"]
    assert 0 < row["low"] <= row["value"] <= row["high"]
    rates = [shown["steps_per_second"] for shown in row["rates"].values()]
    assert len(rates) == 2 and min(rates) > 0
    assert f"| {ROW} |" in (tmp_path / "speed.md").read_text()

    again = run(tmp_path, "--rows", ROW, "--resume")
    assert again.returncode == 0, again.stderr
    (kept,) = json.loads((tmp_path / "speed.json").read_text())["rows"]
    assert kept == row


def test_an_unknown_row_is_refused_by_name(tmp_path: Path) -> None:
    done = run(tmp_path, "--rows", "nonesuch")
    assert done.returncode != 0
    assert "nonesuch" in done.stderr and ROW in done.stderr
    assert "Traceback" not in done.stderr


def test_a_peer_that_fails_is_shown_with_its_reason(speed) -> None:
    from speed.race import Racer
    from speed.settings import Size

    row = next(row for row in speed.rows.rows(Size()) if row.name == "evojax")
    racers = {
        row.ours.name: Racer([2e6], {}, ""),
        row.theirs.name: Racer([], {}, "no such package"),
    }
    result = speed.results.of_row(row, racers)
    page = speed.report.markdown([result], {"command": "c", "machine": "m"})
    assert result.value is None and result.verdict == "not measured"
    assert f"{row.theirs.name}: no such package" in page


def test_ratios_are_taken_within_rounds(speed) -> None:
    # A machine that halves its speed between rounds does not change the ratio.
    drift = 2.0 ** -np.arange(5)
    values = speed.statistics.ratios((6 * drift).tolist(), (2 * drift).tolist())
    spread = speed.statistics.spread(values)
    assert spread.median == spread.low == spread.high == pytest.approx(3.0)


def test_the_interval_surrounds_the_median_within_what_was_seen(speed) -> None:
    found = speed.statistics.spread([1.0, 2.0, 3.0, 4.0, 10.0])
    assert found.median == 3.0
    assert found.low == 1.0 <= found.interval[0] < found.median
    assert found.median < found.interval[1] <= found.high == 10.0


def test_rows_have_names_of_their_own_and_share_contenders(speed) -> None:
    from speed.settings import Size

    table = speed.rows.rows(Size())
    names = [row.name for row in table]
    assert len(set(names)) == len(names)
    for session in {row.session for row in table}:
        rows = [row for row in table if row.session == session]
        runners = [one for row in rows for one in (row.ours, row.theirs)]
        by_name = {one.name: one for one in runners}
        assert all(by_name[one.name] == one for one in runners)
