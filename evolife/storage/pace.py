"""How long a generation takes, apart from what happens once: compiling, or a pause."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

_PAUSE = 10.0
"""So many times the usual pace is no pace, but a pause or a compilation."""


def pace(marks: Sequence[tuple[int, float]]) -> float | None:
    """Seconds a generation: the mean over ``marks``; None where they do not tell.

    ``marks`` are generations done and the second when they were, in order. The time
    before the first of them, in which programs are compiled, does not count.
    """
    paces = [
        (ended - begun) / (h - g)
        for (g, begun), (h, ended) in itertools.pairwise(marks)
        if h > g and ended > begun
    ]
    if not paces:
        return None
    usual = _PAUSE * statistics.median(paces)
    return statistics.fmean(pace for pace in paces if pace <= usual)


def living(line: Mapping[str, Any]) -> float | None:
    """Seconds that a generation of ``metrics.jsonl`` took without compiling."""
    spent, compiling = line.get("time/generation"), line.get("time/compile", 0.0)
    if not isinstance(spent, int | float) or not isinstance(compiling, int | float):
        return None
    return max(0.0, float(spent) - float(compiling)) or None
