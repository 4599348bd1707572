"""A sweep as it stands now: its runs by state, those that go on, and the best."""

import typing
from collections.abc import Sequence
from typing import Any

from evolife.errors import EvolifeError
from evolife.results.live.run_view import RunView
from evolife.results.live.state import Settings
from evolife.storage.lock import is_locked
from evolife.storage.metric_names import HELD_OUT
from evolife.storage.status import State
from evolife.storage.sweep_folder import Entry, SweepFolder, open_sweep, read_entries
from evolife.storage.sweep_status import Standing, finite, standings

_FAILURES = 3


class SweepView:
    """Looks at one sweep again and again; runs that are done are read once."""

    def __init__(self, sweep: SweepFolder) -> None:
        self._sweep = sweep
        self._spec = Settings(sweep.spec_path)
        self._base = Settings(sweep.base_path)
        self._done: dict[str, tuple[float, Standing]] = {}
        self._views: dict[str, RunView] = {}

    def snapshot(self) -> dict[str, Any]:
        """What is known now, as plain data.

        Raises:
            InvalidInput: the sweep is gone, or cannot be read.
        """
        open_sweep(self._sweep.path)
        spec = self._spec.read()
        metric = {"name": HELD_OUT, "goal": "maximize", **(spec.get("metric") or {})}
        found = self._standings(read_entries(self._sweep))
        running = self._running(found)
        counts = dict.fromkeys(typing.get_args(State), 0)
        for one in found:
            counts[one.state] = counts.get(one.state, 0) + 1
        failed = [one for one in found if one.state == "failed"]
        return {
            "kind": "sweep",
            "path": str(self._sweep.path),
            "name": str(spec.get("name", self._sweep.path.name)),
            "metric": metric,
            "counts": counts,
            "runs": len(found),
            "over": self._over(counts),
            "running": running,
            "best": _best(found, metric),
            "failures": [
                {"run": one.entry.run, "message": one.message}
                for one in failed[-_FAILURES:]
            ],
            "eta_s": self._left(found, running),
        }

    def _over(self, counts: dict[str, int]) -> bool:
        """Whether nothing is left to do; one that still searches may add runs."""
        left = counts["waiting"] or counts["running"] or counts["stopped"]
        return not left and not is_locked(self._sweep.path)

    def _standings(self, entries: Sequence[Entry]) -> list[Standing]:
        """How every run stands; one that is done stays so until its config changes."""
        found: dict[str, Standing] = {}
        for entry in entries:
            known = self._done.get(entry.run)
            if known is not None and known[0] == self._changed(entry.run):
                found[entry.run] = known[1]
        rest = [entry for entry in entries if entry.run not in found]
        for one in standings(self._sweep, rest):
            found[one.entry.run] = one
            if one.state == "done":
                self._done[one.entry.run] = self._changed(one.entry.run), one
        return [found[entry.run] for entry in entries]

    def _changed(self, name: str) -> float:
        path = self._sweep.run(name).config_path
        return path.stat().st_mtime if path.exists() else 0.0

    def _running(self, found: Sequence[Standing]) -> list[dict[str, Any]]:
        names = [one.entry.run for one in found if one.state == "running"]
        self._views = {
            name: self._views.get(name) or RunView(self._sweep.run(name))
            for name in names
        }
        looks = []
        for name, view in self._views.items():
            try:
                looks.append({**view.snapshot(), "run": name})
            except EvolifeError:
                # One that cannot be read must not hide the others.
                continue
        return looks

    def _left(
        self, found: Sequence[Standing], running: Sequence[dict[str, Any]]
    ) -> float | None:
        """Seconds until all runs are through their generations, as fast as now."""
        paces = [look["seconds_per_generation"] for look in running]
        speed = sum(1 / pace for pace in paces if pace)
        if not speed:
            return None
        base = self._base.read().get("generations")
        left = 0
        for one in found:
            goal = one.entry.parameters.get("generations", base)
            if one.state in ("waiting", "running", "stopped") and isinstance(goal, int):
                left += max(0, goal - one.generation)
        return left / speed


def _best(found: Sequence[Standing], metric: dict[str, Any]) -> dict[str, Any] | None:
    """The run with the best value of the sweep's metric so far."""
    sign = -1.0 if metric["goal"] == "minimize" else 1.0
    known = [
        (sign * value, one)
        for one in found
        if (value := finite(one.metrics.get(metric["name"]))) is not None
    ]
    if not known:
        return None
    value, one = max(known, key=lambda pair: pair[0])
    entry = one.entry
    return {"run": entry.run, "value": sign * value, "parameters": entry.parameters}
