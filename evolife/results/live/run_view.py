"""A run as it stands now, from ``metrics.jsonl`` and what lies beside it."""

import collections
import time
from typing import Any

from evolife.results.live.history import History, seconds_per_generation, shares
from evolife.results.live.state import Settings, champions
from evolife.results.live.tail import Tail
from evolife.storage.run_folder import CONTROL, RunFolder, open_run
from evolife.storage.sweep_status import finite, status_of

_RECENT = 64
"""Lines that tell the pace."""
_WARNINGS = 3
_INTERVAL = ("mean", "low", "high")
COLUMNS = 120
"""Points of a curve at most."""


class RunView:
    """Looks at one run again and again; each time it reads only what is new."""

    def __init__(self, run: RunFolder) -> None:
        self._run, self._tail = run, Tail(run.metrics_path)
        self._settings = Settings(run.config_path)
        self._history = History()
        self._recent: collections.deque[dict[str, Any]]
        self._recent = collections.deque(maxlen=_RECENT)
        self._warnings: collections.deque[dict[str, Any]]
        self._warnings = collections.deque(maxlen=_WARNINGS)
        self._validation: dict[str, Any] | None = None
        self._control: RunView | None = None

    def snapshot(self) -> dict[str, Any]:
        """What is known now, as plain data.

        Raises:
            InvalidInput: the run is gone, or cannot be read.
        """
        open_run(self._run.path)
        settings = self._settings.read()
        self._read()
        last: dict[str, Any] = self._recent[-1] if self._recent else {}
        changed = self._tail.changed
        age = None if changed is None or not last else max(0.0, time.time() - changed)
        pace = seconds_per_generation(self._recent)
        status = status_of(self._run)
        state = status.state
        return {
            "kind": "run",
            "path": str(self._run.path),
            "name": str(settings.get("name", self._run.path.name)),
            "state": state,
            "message": status.message,
            "over": state in ("done", "failed", "pruned"),
            "generation": last.get("generation", 0),
            "generations": settings.get("generations"),
            "metrics": _told(last),
            "validation": self._validation,
            "history": self._history.thinned(COLUMNS),
            "seconds_per_generation": pace,
            "shares": shares(self._recent),
            "eta_s": _left(last, settings, pace, age) if state == "running" else None,
            "age_s": age,
            "warnings": list(self._warnings),
            "champions": champions(self._run) if state == "done" else [],
            "control": self._look_at_control(settings),
        }

    def _read(self) -> None:
        lines, restarted = self._tail.read()
        if restarted:
            for kept in (self._history, self._recent, self._warnings):
                kept.clear()
            self._validation = None
        for line in lines:
            self._history.add(line)
            self._recent.append(line)
            self._validation = _validation(line) or self._validation
            said = line.get("warnings")
            for text in said if isinstance(said, list) else ():
                told = {"generation": line["generation"], "text": str(text)}
                self._warnings.append(told)

    def _look_at_control(self, settings: dict[str, Any]) -> dict[str, Any] | None:
        folder = RunFolder(self._run.path / CONTROL)
        if settings.get("control") is None or not folder.config_path.is_file():
            return None
        if self._control is None:
            self._control = RunView(folder)
        return self._control.snapshot()


def _told(line: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a line; curves and texts stay in the file."""
    return {key: v for key, v in line.items() if v is None or finite(v) is not None}


def _validation(line: dict[str, Any]) -> dict[str, Any] | None:
    """The point of the validation curve in a line; None: it has none."""
    if "validation/mean" not in line:
        return None
    found = {name: finite(line.get(f"validation/{name}")) for name in _INTERVAL}
    return {"generation": line["generation"], **found}


def _left(
    last: dict[str, Any],
    settings: dict[str, Any],
    pace: float | None,
    age: float | None,
) -> float | None:
    """Seconds until the last generation, given that the next has begun already."""
    goal = settings.get("generations")
    if pace is None or not isinstance(goal, int):
        return None
    left = max(0, goal - last["generation"])
    return max(0.0, left * pace - min(age or 0.0, pace))
