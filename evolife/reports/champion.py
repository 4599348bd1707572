"""The best champion of a run, read from its folder without JAX."""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from evolife.errors import InvalidInput
from evolife.storage import held_out
from evolife.storage.held_out import HeldOut
from evolife.storage.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class Champion:
    """The first row of ``champions.json``; all numbers but the optional are finite."""

    held_out: float
    """Mean return on lives that nothing was chosen by."""
    low: float
    """Lower end of its 95% interval."""
    high: float
    """Upper end."""
    selected: float
    """The score that made it a candidate."""
    validated: float
    """The score it was chosen by, on lives that all candidates shared."""
    gap: float
    """The winner's curse: validated minus held-out."""
    early: float | None
    """Reward per step in the first quarter of its held-out lives, where recorded."""
    late: float | None
    """The same in the last quarter."""
    row: Mapping[str, Any]
    """The row as it stands, for a verdict against a control."""


@dataclasses.dataclass(frozen=True)
class Table:
    """What the file of champions says, as far as it can be read."""

    best: Champion | None
    """None where there is no file, or no finite score in its first row."""
    optimum: float | None
    """Return of the best possible life, where the file names it."""
    memoryless: float | None
    """Return of the best life that forgets everything at each step, likewise."""
    faults: tuple[str, ...] = ()
    """What contradicts these two numbers, as the run found it."""
    held_out: HeldOut | None = None
    """What the champions earned life by life; None where that is not recorded."""


def read_table(run: RunFolder) -> Table:
    """Read what a run says of its champions; damage counts as absence."""
    try:
        found = json.loads((run.champions / "champions.json").read_bytes())
        row = found["champions"][0]
        best = _champion(row)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return Table(None, None, None)
    optimum, memoryless = (finite(found.get(key)) for key in ("optimum", "memoryless"))
    faults = found.get("faults")
    faults = faults if isinstance(faults, list) else []
    rows = found["champions"]
    return Table(
        best, optimum, memoryless, tuple(map(str, faults)), _held_out(run, rows)
    )


def _held_out(run: RunFolder, rows: Any) -> HeldOut | None:
    try:
        return held_out.read(run, rows)
    except (InvalidInput, AttributeError, TypeError):
        # The report passes damage by; what it compares without pairs says so.
        return None


def finite(value: Any) -> float | None:
    """``value`` where it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _champion(row: Mapping[str, Any]) -> Champion | None:
    low, high = (finite(end) for end in row["interval"])
    held_out, selected = finite(row["held_out"]), finite(row["selected"])
    if held_out is None or selected is None or low is None or high is None:
        return None
    validated = finite(row.get("validated"))
    if validated is None:
        return None
    early, late = finite(row.get("early")), finite(row.get("late"))
    gap = validated - held_out
    return Champion(
        held_out, low, high, selected, validated, gap, early, late, dict(row)
    )
