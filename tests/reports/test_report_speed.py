"""A report of a large sweep is a matter of seconds."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from evolife.reports.report import report
from evolife.results.history import POINTS, read_history
from tests.report_tools import champion, lines, make_run, make_sweep

pytestmark = pytest.mark.slow

RUNS, GENERATIONS = 200, 200
_MOST_SECONDS = 40.0


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """A random sweep; its lines are as long as those of real runs."""
    rng = np.random.default_rng(0)
    entries = [
        (
            f"run-{i:03d}",
            {
                "agent": {"name": ("gru", "lstm", "reflex")[i % 3]},
                "strategy.sigma": float(10 ** rng.uniform(-3, 0)),
                "seed": i % 4,
            },
        )
        for i in range(RUNS)
    ]
    sweep = make_sweep(tmp_path_factory.mktemp("large") / "s", entries, method="random")
    more = {f"time/part_{i}": 0.123456789 for i in range(20)}
    for i, (name, _) in enumerate(entries):
        fitness = (np.arange(GENERATIONS) / 50 + rng.normal(size=GENERATIONS)).tolist()
        records = [more | line for line in lines(fitness, bins=32)]
        make_run(sweep.run(name).path, records=records, rows=[champion(float(i))])
    return sweep.path


def test_two_hundred_runs_of_two_hundred_generations(large: Path) -> None:
    begun = time.process_time()
    written = report([large])
    spent = time.process_time() - begun
    assert written["runs"] == RUNS and written["left_out"] == []
    assert len(written["pictures"]) == 5
    assert spent < _MOST_SECONDS
    print(f"{spent:.1f} s of CPU time")  # noqa: T201, shown by pytest -s


def test_a_run_of_a_hundred_thousand_lines_is_thinned(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    line = lines([1.0, 1.0], bins=32)[1]
    with path.open("w") as file:
        for generation in range(1, 100_001):
            record = line | {"generation": generation, "env_steps": generation}
            file.write(json.dumps(record) + "\n")
    begun = time.process_time()
    found = read_history(path)
    assert time.process_time() - begun < 20
    assert len(found.lines) == 100_000 and len(found.curve("fitness/mean")) <= POINTS
    assert found.last("generation") == 100_000
