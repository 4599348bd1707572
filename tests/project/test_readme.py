"""The README, followed from top to bottom in one folder, as a reader would.

Runs are the README's with fewer generations of fewer members; the bundled sweep is
stopped when its first run has ended. Commands that only differ in their overrides, and
those of the loops around evolution, are checked for their form in ``test_docs``.
"""

import json
import shlex
import signal
from pathlib import Path

import pytest

from evolife import load
from tests.cli_tools import lines_so_far, run_here, started, until
from tests.project.test_docs import blocks, evolife_commands

SMALL = (
    "population={size: 32, tile: 8}",
    "best_of_k={keep: 2, lives: 16, archive: 4}",
    "lifetime.lives=4",
    "generations=3",
    "control=null",
)
FIRST = "train bandit --ranks 1 --out runs/first"
FOLLOWED = (
    "watch runs/first --once",
    "evaluate runs/first --lives 10000",
    "evaluate runs/first --steps 20 env.pulls=20",
    "train --resume runs/first",
)
SWEPT = "runs/sweep-agents-on-bandit"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the reader sits, after the first run."""
    path = tmp_path_factory.mktemp("reader")
    follow(FIRST, path, *SMALL)
    return path


def follow(command: str, folder: Path, *more: str) -> str:
    words = shlex.split(command)
    assert words in evolife_commands("README.md")
    done = run_here(*words, *more, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", FOLLOWED)
def test_the_first_run_is_looked_at_and_goes_on(command: str, folder: Path) -> None:
    told = follow(command, folder)
    assert "Traceback" not in told and told.strip()


def test_the_python_of_the_readme_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    names: dict = {}
    for block in blocks("README.md"):
        if block.language == "python":
            exec(compile(block.text, "README.md", "exec"), names)
    assert names["rewards"].shape == (100, 10)
    assert int(names["action"]) in range(5)
    assert names["run"].path.resolve() == load(folder / "runs/first").path.resolve()
    low, high = names["result"].champions[0].interval
    assert 6 < low <= names["result"].champions[0].held_out <= high < 20
    names["hook"]({"generation": 2, "fitness/mean": 1.0}, {})


@pytest.mark.slow
def test_the_bundled_sweep_is_shown_begun_stopped_and_reported(folder: Path) -> None:
    dry = "sweep agents-on-bandit --dry-run"
    assert "24 runs, about" in follow(dry, folder)
    with started("sweep", "agents-on-bandit", cwd=folder) as process:
        assert ["sweep", "agents-on-bandit"] in evolife_commands("README.md")
        runs = folder / SWEPT / "runs"
        ended = "*/champions/champions.json"
        assert until(lambda: any(runs.glob(ended)))
        assert until(lambda: sum(map(lines_so_far, runs.glob("*"))) > 401)
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 75
    status = follow("sweep agents-on-bandit --status", folder, "--json")
    assert json.loads(status)["states"]["done"] >= 1
    follow(f"report {SWEPT}", folder)
    assert (folder / SWEPT / "report" / "report.html").stat().st_size > 10_000
