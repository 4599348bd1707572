"""Members from the best to the worst, and the place of each, sorted in shares.

XLA sorts a million members in a good part of a second, since it compares by calls, and
every rank would. NumPy sorts 16-bit integers by counting them; and each rank need only
sort those members that come at its share of the places.
"""

from typing import Any

import numpy as np

from evolife.base import Places
from evolife.ranks.base import Ranks

_BINS = 2**16
SHARED = 2**14
"""Members from which ranks share the sorting; fewer are sorted sooner than sent."""


def order_members(fitness: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """``(K,)`` rows from the best float32 fitness to the worst.

    The tied keep their order, but that those come first who ``measured`` finite: the
    fitness of others was made up.
    """
    keys = -1 - _ascending(fitness)
    rows = np.flatnonzero(np.isfinite(measured))
    rows = np.concatenate([rows, np.flatnonzero(~np.isfinite(measured))])
    return rows[_stable(keys[rows])]


def place_members(fitness: np.ndarray, ranks: Ranks) -> Places:
    """Where ``(K,)`` members stand by float32 fitness; collective, alike on all."""
    keys = _ascending(fitness)
    if ranks.size == 1 or len(keys) < SHARED:
        rows = _stable(keys)
    else:
        mine = _rows_between(keys, ranks.share(len(keys)))
        rows = ranks.exchange(mine.astype(np.int32), len(keys))[0]
    return _places(keys[rows], rows)


def _ascending(fitness: np.ndarray) -> np.ndarray:
    """``(K,)`` int32 in the order of float32 numbers, of which the zeros are one."""
    bits = (fitness.astype(np.float32) + np.float32(0)).view(np.int32)
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


def _stable(keys: np.ndarray) -> np.ndarray:
    """Rows by ascending int32 keys, the equal in their order."""
    rows = np.argsort(keys.astype(np.uint16), kind="stable")
    high = (keys >> 16).astype(np.int16)
    return rows[np.argsort(high[rows], kind="stable")]


def _rows_between(keys: np.ndarray, places: range) -> np.ndarray:
    """The rows that ascending keys bring to ``places``."""
    high = (keys >> 16).astype(np.int16)
    ends = np.cumsum(np.bincount(high.astype(np.int32) + _BINS // 2, minlength=_BINS))
    first = int(np.searchsorted(ends, places.start, "right"))
    last = int(np.searchsorted(ends, places.stop, "left"))
    near = (high >= first - _BINS // 2) & (high <= last - _BINS // 2)
    rows = np.flatnonzero(near)
    rows = rows[_stable(keys[rows])]
    before = int(ends[first - 1]) if first else 0
    return rows[places.start - before : places.stop - before]


def _places(ordered: np.ndarray, rows: np.ndarray) -> Places:
    size = len(rows)
    tied = ordered[1:] == ordered[:-1]
    begins = np.arange(size, dtype=np.int32)
    worse: Any = np.empty(size, np.int32)
    if not tied.any():
        worse[rows] = begins
        return Places(worse, worse + np.int32(1))
    # Of the run of equals that each stands in.
    ends = begins + np.int32(1)
    begins[1:][tied], ends[:-1][tied] = 0, size
    upto: Any = np.empty(size, np.int32)
    worse[rows] = np.maximum.accumulate(begins)
    upto[rows] = np.minimum.accumulate(ends[::-1])[::-1]
    return Places(worse, upto)
