"""Curves from ``metrics.jsonl``, reading no more of a line than is drawn."""

import array
import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

POINTS = 400
"""Points of a curve that are kept for drawing, at most about so many."""
SCALARS = ("generation", "env_steps", "wall_s", "fitness/mean", "fitness/best")
VALIDATION = "validation/mean"
"""The strategy's centre on fixed lives, which only some lines tell of."""
_LIFE = b'"life/best":'


@dataclasses.dataclass(frozen=True)
class Life:
    """Reward per step within one recorded life of the best and the median member."""

    generation: int
    best: np.ndarray
    """``(B,)`` from birth to death; NaN where nothing finite was recorded."""
    median: np.ndarray
    """The same of the median member; empty where it was not recorded."""


@dataclasses.dataclass(frozen=True)
class History:
    """What ``metrics.jsonl`` says of one run."""

    curves: Mapping[str, np.ndarray]
    """``(P,)`` each by key, thinned, in the order of ``env_steps``; NaN is a gap."""
    validation: tuple[np.ndarray, np.ndarray]
    """``(V,)`` environment steps and centre's scores, where there are any; thinned."""
    last: Mapping[str, float]
    """The last line's values; NaN where it has none that is finite."""
    highest: Mapping[str, float]
    """The largest finite value of all lines, not only of those kept."""
    lowest: Mapping[str, float]
    """The same of the smallest."""
    first_life: Life | None
    """The first within-life curve that was recorded."""
    last_life: Life | None
    """The last one; the same where there is one only."""
    lines: int
    """Whole lines."""
    damaged: int
    """Lines that could not be read and were passed over; a torn last one is none."""

    def has(self, name: str) -> bool:
        """Whether there is anything finite to draw under this key."""
        return bool(np.isfinite(self.curves.get(name, np.zeros(0))).any())


def read_history(path: Path, more: Sequence[str] = ()) -> History:
    """Read the curves of ``SCALARS`` and of the keys in ``more``.

    Never raises: a file that is not there or cannot be read has no lines.
    """
    names = tuple(dict.fromkeys((*SCALARS, VALIDATION, *more)))
    tags = [(name, json.dumps(name).encode() + b":") for name in names]
    columns = {name: array.array("d") for name in names}
    first = last = b""
    damaged = 0
    try:
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                row = [_number(line, tag) for _, tag in tags]
                if math.isnan(row[0]) or not _is_closed(line):
                    damaged += 1
                    continue
                for name, value in zip(names, row, strict=True):
                    columns[name].append(value)
                if _LIFE in line:
                    first, last = first or line, line
    except OSError:
        # What could be read so far counts; the page says what a run lacks.
        pass
    values = {name: np.array(column) for name, column in columns.items()}
    return _summarised(values, _life(first), _life(last), damaged)


def _summarised(
    values: dict[str, np.ndarray], first: Life | None, last: Life | None, damaged: int
) -> History:
    finite = {name: column[np.isfinite(column)] for name, column in values.items()}
    return History(
        curves=_thinned(values),
        validation=_validation(values),
        last={k: float(v[-1]) if v.size else math.nan for k, v in values.items()},
        highest={k: float(v.max()) if v.size else math.nan for k, v in finite.items()},
        lowest={k: float(v.min()) if v.size else math.nan for k, v in finite.items()},
        first_life=first,
        last_life=last,
        lines=len(values["generation"]),
        damaged=damaged,
    )


def _thinned(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Keep every so many lines, and the last."""
    steps = values["env_steps"]
    order = np.argsort(steps, kind="stable")
    order = order[np.isfinite(steps[order])]
    stride = max(1, -(-len(order) // POINTS))
    # Backwards from the end, so that the last line is always among them.
    kept = order[::-1][::stride][::-1]
    return {name: column[kept] for name, column in values.items()}


def _validation(values: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(values[VALIDATION])
    found = _thinned({k: values[k][known] for k in ("env_steps", VALIDATION)})
    return found["env_steps"], found[VALIDATION]


def _is_closed(line: bytes) -> bool:
    return line.startswith(b"{") and line.rstrip().endswith(b"}")


def _number(line: bytes, tag: bytes) -> float:
    """The number after ``tag``; NaN where there is none that is finite."""
    at = line.find(tag)
    if at < 0:
        return math.nan
    start = at + len(tag)
    end = line.find(b",", start)
    try:
        value = float(line[start : end if end >= 0 else None].strip(b" }\r\n"))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _life(line: bytes) -> Life | None:
    """The within-life curves of one line; None where it has none to draw."""
    try:
        found = json.loads(line)
        best = np.array(found["life/best"], dtype=np.float64)
        median = np.array(found.get("life/median") or [], dtype=np.float64)
        generation = int(found["generation"])
    except (ValueError, TypeError, KeyError):
        return None
    drawable = best.ndim == median.ndim == 1 and np.isfinite(best).any()
    return Life(generation, best, median) if drawable else None
