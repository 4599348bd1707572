"""What ``metrics.jsonl`` tells of a run, whatever has happened to the file."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evolife.storage.metrics import parsed
from evolife.storage.sweep_status import finite

if TYPE_CHECKING:
    import pandas as pd

POINTS = 400
"""Points of a curve that are kept for drawing, at most."""
VALIDATION = "validation/mean"
"""The strategy's centre on fixed lives, which only some lines tell of."""
_SCALARS = (
    *("generation", "env_steps", "wall_s", "fitness/mean", "fitness/best"),
    VALIDATION,
)


@dataclasses.dataclass(frozen=True)
class RecordedLife:
    """Reward per step within one life of the best and of the median member."""

    generation: int
    best: np.ndarray
    """``(B,)`` from birth to death; NaN where nothing finite was recorded."""
    median: np.ndarray
    """The same of the median member; empty where it was not recorded."""


@dataclasses.dataclass(frozen=True)
class History:
    """Every whole line, and the first and the last life among them."""

    lines: "pd.DataFrame"
    """One row a line, one column a key; NaN where it has no finite number."""
    lives: tuple[RecordedLife, ...]
    """None, one, or the first and the last that can be drawn."""
    damaged: int
    """Lines that could not be read and were passed over; a torn last one is none."""
    problem: str
    """Why the file could not be read to its end; empty where it could, or is not."""

    @functools.cached_property
    def _by_steps(self) -> "pd.DataFrame":
        known = self.lines.dropna(subset="env_steps")
        known = known.sort_values("env_steps", kind="stable")
        return known.set_index("env_steps", drop=False)

    def curve(self, name: str) -> "pd.Series":
        """One key by ``env_steps``: every so many lines, and the last; NaN is a gap."""
        found = self._by_steps[name]
        if name == VALIDATION:
            found = found.dropna()
        stride = max(1, -(-len(found) // POINTS))
        # Backwards from the end, so that the last line is always among them.
        return found[::-1][::stride][::-1]

    def last(self, name: str) -> float | None:
        """What the last line says; None where that is not finite."""
        return finite(self.lines[name].iloc[-1]) if len(self.lines) else None


def read_history(path: Path, more: Sequence[str] = ()) -> History:
    """Read the usual curves and those of the keys in ``more``; never raises."""
    import pandas as pd

    names = list(dict.fromkeys((*_SCALARS, *more)))
    rows: list[list[float | None]] = []
    lives: list[Mapping[str, Any]] = []
    damaged, problem = 0, ""
    try:
        for record in _records(path):
            if record is None:
                damaged += 1
                continue
            rows.append([finite(record.get(name)) for name in names])
            if record.get("life/best"):
                lives = [*lives[:1], record]
    except FileNotFoundError:
        # A run that has just begun has written no line yet.
        pass
    except OSError as error:
        problem = f"{path.name} cannot be read: {error.strerror}"
    lines = pd.DataFrame(rows, columns=names, dtype=float)
    drawable = tuple(life for life in map(_life, lives) if life)
    return History(lines, drawable, damaged, problem)


def _records(path: Path) -> Iterator[dict[str, Any] | None]:
    """Each line as it stands, None for a damaged one; ends where one was torn."""
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            yield next(iter(parsed(line[:-1])), None)


def _life(record: Mapping[str, Any]) -> RecordedLife | None:
    """The within-life curves of one line; None where it has none to draw."""
    told = (record.get(f"life/{who}") or [] for who in ("best", "median"))
    try:
        best, median = (np.array(curve, dtype=np.float64) for curve in told)
    except (ValueError, TypeError):
        return None
    drawable = best.ndim == median.ndim == 1 and np.isfinite(best).any()
    return RecordedLife(record["generation"], best, median) if drawable else None
