"""Members from the best to the worst, sorted once a generation.

XLA sorts a million members in a good part of a second, since it compares by calls, and
every rank would. NumPy sorts 16-bit integers by counting them.
"""

from typing import Any, NamedTuple

import numpy as np

from evolife.base import Places


class Ordering(NamedTuple):
    """Where K members stand."""

    rows: np.ndarray
    """``(K,)`` from the best to the worst; the tied in their own order."""
    places: Places
    """By fitness alone."""


def order_members(fitness: np.ndarray, measured: np.ndarray) -> Ordering:
    """Order by ``(K,)`` float32 fitness; of the tied, those first who measured finite.

    ``measured`` is ``(K,)``, and not finite where a fitness was made up.
    """
    keys = _descending(fitness)
    made_up = ~np.isfinite(measured)
    digits = [keys & 0xFFFF, keys >> 16]
    if made_up.any():
        digits.insert(0, made_up)
    rows = np.arange(len(keys))
    # From the least important digit to the most, each sort keeping the one before.
    for digit in digits:
        values = digit.astype(np.uint16)[rows]
        rows = rows[np.argsort(values, kind="stable")]
    return Ordering(rows, _places(keys[rows], rows))


def _descending(fitness: np.ndarray) -> np.ndarray:
    """``(K,)`` uint32 that are the smaller the larger a float32 is."""
    # Adding 0 makes the zeros one.
    bits = (fitness.astype(np.float32) + np.float32(0)).view(np.uint32)
    negative = bits >> 31 != 0
    return np.where(negative, bits, bits ^ 0x7FFFFFFF)


def _places(ordered: np.ndarray, rows: np.ndarray) -> Places:
    size = len(rows)
    tied = ordered[1:] == ordered[:-1]
    # Of the run of equals that each stands in.
    begins = np.arange(size, dtype=np.int32)
    ends = begins + 1
    begins[1:][tied], ends[:-1][tied] = 0, size
    begins = np.maximum.accumulate(begins)
    ends = np.minimum.accumulate(ends[::-1])[::-1]
    worse: Any = np.empty(size, np.int32)
    upto: Any = np.empty(size, np.int32)
    worse[rows], upto[rows] = size - ends, size - begins
    return Places(worse, upto)
