"""How fast a run goes, and what it spends its time on, from its last lines."""

from collections.abc import Sequence
from typing import Any

from evolife.storage.pace import pace

PARTS = ("live", "gather", "update")
"""What the time of a generation goes into, by keys such as ``time/live``."""


def seconds_per_generation(lines: Sequence[dict[str, Any]]) -> float | None:
    """The mean over ``lines`` in order; None where they do not tell.

    A resume, a compilation or a sleep of the machine between two lines does not count.
    """
    known = [(line["generation"], number(line.get("wall_s"))) for line in lines]
    return pace([(done, second) for done, second in known if second is not None])


def shares(lines: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The share of the time of ``lines`` that went into each part, within 0 to 1."""
    whole = sum(number(line.get("time/generation")) or 0.0 for line in lines)
    if whole <= 0:
        return {}
    spent = {
        part: sum(number(line.get(f"time/{part}")) or 0.0 for line in lines)
        for part in PARTS
        if any(f"time/{part}" in line for line in lines)
    }
    return {part: min(1.0, seconds / whole) for part, seconds in spent.items()}


def number(value: Any) -> float | None:
    """A metric as a number; None for what was not finite, or is none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None
