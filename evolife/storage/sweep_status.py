"""How far each run of a sweep has come, read from its folder and what was noted."""

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from evolife.storage.champions import known_rows
from evolife.storage.files import storage_errors, write_atomically
from evolife.storage.lock import is_locked
from evolife.storage.metric_names import OF_CHAMPIONS
from evolife.storage.run_folder import RunFolder
from evolife.storage.status import (
    Process,
    State,
    Status,
    last_line,
    run_status,
    session_ends,
)
from evolife.storage.sweep_folder import Entry, SweepFolder, read_entries, sweep_around
from evolife.strict_json import dumps


def summary(folder: SweepFolder) -> dict[str, Any]:
    """How everything stands: counts by state, failures, and the best so far."""
    metric = folder.spec()["metric"]
    found = standings(folder, read_entries(folder))
    rows = [
        {
            "run": one.entry.run,
            "state": one.state,
            "generation": one.generation,
            metric["name"]: finite(one.metrics.get(metric["name"])),
            "parameters": one.entry.parameters,
            **({"message": one.message} if one.message else {}),
        }
        for one in found
    ]
    return {
        "sweep": str(folder.path),
        "metric": metric,
        "states": dict(Counter(one.state for one in found)),
        "best": _best(rows, metric),
        "runs": rows,
    }


def _best(
    rows: Sequence[dict[str, Any]], metric: dict[str, str]
) -> dict[str, Any] | None:
    """The best of the runs that are done."""
    known = [r for r in rows if r["state"] == "done" and r[metric["name"]] is not None]
    choose = max if metric["goal"] == "maximize" else min
    return choose(known, key=lambda row: row[metric["name"]], default=None)


def counts(found: dict[str, Any]) -> str:
    """The states in words, such as ``3 done, 1 failed``."""
    return ", ".join(f"{count} {state}" for state, count in found["states"].items())


@dataclasses.dataclass(frozen=True)
class Standing:
    """One run now."""

    entry: Entry
    state: State
    metrics: dict[str, Any]
    """The last whole line of ``metrics.jsonl``, and the best champion's scores."""
    message: str = ""
    """Why it failed."""

    @property
    def is_open(self) -> bool:
        """Whether it is still to be done; one that failed is tried again."""
        return self.state not in ("done", "pruned")

    @property
    def generation(self) -> int:
        """How many generations are done."""
        return int(self.metrics.get("generation", 0))


def standings(folder: SweepFolder, entries: Sequence[Entry]) -> list[Standing]:
    """The standing of every run of ``entries``, in their order."""
    return [standing(folder, entry) for entry in entries]


def standing(folder: SweepFolder, entry: Entry) -> Standing:
    """How far one run has come; a damaged file counts as absent."""
    run = folder.run(entry.run)
    found, metrics = status_within(folder, entry.run), last_line(run)
    if found.state == "done":
        metrics |= champion_metrics(run)
    return Standing(entry, found.state, metrics, found.message)


def status_of(run: RunFolder) -> Status:
    """How a run stands, whether it is one of a sweep or not."""
    if sweep := sweep_around(run):
        return status_within(sweep, run.path.name)
    # What rank 0 printed is kept nowhere.
    logs = [path for path in run.logs.glob("rank_*.log") if path.stat().st_size]
    last = max(logs, key=lambda path: path.stat().st_mtime, default=None)
    return run_status(run, log=last)


def status_within(sweep: SweepFolder, name: str) -> Status:
    """How the run ``name`` of a sweep stands."""
    process = _read_process(sweep, name)
    going = process is not None and process.code is None
    attended = going and is_locked(sweep.path)
    return run_status(sweep.run(name), process, sweep.log_path(name), attended)


def note_start(folder: SweepFolder, name: str) -> None:
    """Note that the process of a run begins."""
    _write_process(folder, name, None, asked=False)


def note_exit(folder: SweepFolder, name: str, code: int, asked: bool) -> None:
    """Note how the process of a run ended, and whether it had been asked to."""
    _write_process(folder, name, code, asked)


def champion_metrics(run: RunFolder) -> dict[str, Any]:
    """Scores of the best champion under the names of metrics; empty where none is."""
    best: dict[str, Any] = next(iter(known_rows(run)), {})
    names = (*OF_CHAMPIONS, "interval")
    return {name: best[name] for name in names if name in best}


def finite(value: object) -> float | None:
    """The value as a number; None where it is none."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known and math.isfinite(value) else None  # type: ignore[arg-type]


def _write_process(
    folder: SweepFolder, name: str, code: int | None, asked: bool
) -> None:
    path, sessions = folder.exit_path(name), len(session_ends(folder.run(name)))
    content = dumps(dataclasses.asdict(Process(sessions, code, asked)))
    with storage_errors("write", path):
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, content.encode())


def _read_process(folder: SweepFolder, name: str) -> Process | None:
    try:
        found = json.loads(folder.exit_path(name).read_bytes())
        code = found["code"]
        ended = None if code is None else int(code)
        return Process(int(found["sessions"]), ended, bool(found["asked"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None
