"""How far a run has come: a live bar on a screen, a line now and then elsewhere."""

import abc
import collections
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from evolife.storage.pace import pace

_RECENT = 64
"""Generations that tell the pace."""
_SHOWN = {
    "fitness/best": "best",
    "fitness/mean": "mean",
    "fitness/median": "median",
    "validation/mean": "validation",
}


class Display(abc.ABC):
    """Shows progress through generations."""

    @abc.abstractmethod
    def update(self, generation: int, metrics: Mapping[str, Any]) -> None:
        """Show ``metrics`` (keys as in ``metrics.jsonl``) after ``generation``."""

    @abc.abstractmethod
    def close(self) -> None:
        """Take the display down; safe to call twice."""


class Clock:
    """Estimates the time that is left from this session's own pace.

    Its first generation, in which everything is compiled, is no pace.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._marks: collections.deque[tuple[int, float]]
        self._marks = collections.deque(maxlen=_RECENT)

    def left(self, generation: int) -> str:
        """The time left after ``generation``, which was done just now."""
        self._marks.append((generation, time.monotonic()))
        left = max(self._total - generation, 0)
        found = pace(list(self._marks))
        if left == 0:
            return duration(0)
        return "-:--" if found is None else duration(found * left)


class LiveDisplay(Display):
    """A bar on stderr that is redrawn in place."""

    def __init__(self, console: Console, total: int, done: int) -> None:
        self._clock = Clock(total)
        columns = (
            TextColumn("generation"),
            MofNCompleteColumn(),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[shown]}", markup=False),
        )
        self._bar = Progress(*columns, console=console, refresh_per_second=4)
        self._task = self._bar.add_task("", total=total, completed=done, shown="")
        self._bar.start()

    def update(self, generation: int, metrics: Mapping[str, Any]) -> None:
        """Redraw; see ``Display``."""
        shown = f"{summary(metrics)}  ETA {self._clock.left(generation)}"
        self._bar.update(self._task, completed=generation, shown=shown)

    def close(self) -> None:
        """Leave the bar as it is and give the screen back."""
        self._bar.stop()


class PlainDisplay(Display):
    """One line first, one last, and one every ``interval`` seconds between."""

    def __init__(self, say: Callable[[str], None], total: int, interval: float) -> None:
        self._say, self._total, self._interval = say, total, interval
        self._clock = Clock(total)
        self._due = -float("inf")
        self._waiting: str | None = None

    def update(self, generation: int, metrics: Mapping[str, Any]) -> None:
        """Say a line if one is due; see ``Display``."""
        self._waiting = (
            f"generation {generation}/{self._total}  {summary(metrics)}  "
            f"ETA {self._clock.left(generation)}"
        )
        if time.monotonic() >= self._due:
            self._speak()

    def close(self) -> None:
        """Say where it ended, if that has not been said."""
        if self._waiting is not None:
            self._speak()

    def _speak(self) -> None:
        if self._waiting is not None:
            self._say(self._waiting)
        self._waiting = None
        self._due = time.monotonic() + self._interval


def summary(metrics: Mapping[str, Any]) -> str:
    """Return fitness, the newest validation and the speed, as far as they are known."""
    parts = [
        f"{name} {float(metrics[key]):.4g}"
        for key, name in _SHOWN.items()
        if (value := metrics.get(key)) is not None and math.isfinite(value)
    ]
    if (speed := metrics.get("env_steps_per_s")) is not None:
        parts.append(f"{count(float(speed))} steps/s")
    return "  ".join(parts)


def count(number: float) -> str:
    """Return a count in three digits: 950, 12.3k, 5.4M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


def many(number: float, noun: str) -> str:
    """Return a count of things: ``1 run``, ``12 runs``."""
    return f"{number:,.0f} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return seconds as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def span(low: float, usual: float, high: float) -> str:
    """Return a forecast as ``about 1:30 (1:10 to 2:00)``."""
    return f"about {duration(usual)} ({duration(low)} to {duration(high)})"
