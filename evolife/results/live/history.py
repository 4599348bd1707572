"""Fitness over a run of any length, in bounded memory."""

from collections.abc import Sequence
from typing import Any

from evolife.storage.pace import pace
from evolife.storage.sweep_status import finite

PARTS = ("live", "gather", "update")
"""What the time of a generation goes into, by keys such as ``time/live``."""
_MOST = 2000
KEYS = ("fitness/best", "fitness/mean", "validation/mean")
"""What is drawn; the last only where a generation is validated."""
Point = tuple[int, tuple[float | None, ...]]
"""A generation, and its values by ``KEYS``."""


def seconds_per_generation(lines: Sequence[dict[str, Any]]) -> float | None:
    """The mean over ``lines`` in order; None where they do not tell.

    A resume, a compilation or a sleep of the machine between two lines does not count.
    """
    known = [(line["generation"], finite(line.get("wall_s"))) for line in lines]
    return pace([(done, second) for done, second in known if second is not None])


def shares(lines: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The share of the time of ``lines`` that went into each part, within 0 to 1."""
    whole = sum(finite(line.get("time/generation")) or 0.0 for line in lines)
    if whole <= 0:
        return {}
    spent = {
        part: sum(finite(line.get(f"time/{part}")) or 0.0 for line in lines)
        for part in PARTS
        if any(f"time/{part}" in line for line in lines)
    }
    return {part: min(1.0, seconds / whole) for part, seconds in spent.items()}


class History:
    """Keeps points of a curve; very many become means over equal spans."""

    def __init__(self) -> None:
        self._points: list[Point] = []

    def add(self, line: dict[str, Any]) -> None:
        """Take one generation, later than those before."""
        values = tuple(finite(line.get(key)) for key in KEYS)
        self._points.append((line["generation"], values))
        if len(self._points) > _MOST:
            self._points = _means(self._points, _MOST // 2)

    def clear(self) -> None:
        """Forget everything."""
        self._points.clear()

    def thinned(self, columns: int) -> dict[str, list[Any]]:
        """Means over at most ``columns`` equal spans of generations, by key.

        ``generation`` is the last of each span that holds any point; a mean without any
        finite value is None.
        """
        points = _means(self._points, columns)
        return {
            "generation": [generation for generation, _ in points],
            **{key: [v[i] for _, v in points] for i, key in enumerate(KEYS)},
        }


def _means(points: Sequence[Point], columns: int) -> list[Point]:
    if not points:
        return []
    first, last = points[0][0], points[-1][0]
    width = max(1.0, (last - first + 1) / columns)
    spans: dict[int, list[Point]] = {}
    for point in points:
        spans.setdefault(int((point[0] - first) / width), []).append(point)
    return [(span[-1][0], _mean(span)) for span in spans.values()]


def _mean(span: Sequence[Point]) -> tuple[float | None, ...]:
    means: list[float | None] = []
    for values in zip(*(values for _, values in span), strict=True):
        known = [value for value in values if value is not None]
        means.append(sum(known) / len(known) if known else None)
    return tuple(means)
