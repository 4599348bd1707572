"""Has programs compiled once a machine, not once a rank.

Where ranks share a folder of compiled programs, the first rank of each machine fills it
while the others wait without using their cores, and then read what they need.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from evolife.base import LifeStatistics, Places
from evolife.ranks.base import Ranks

T = TypeVar("T")


def in_turn(work: Callable[[], T], ranks: Ranks) -> T:
    """Do ``work``, which compiles, on the leading ranks first, then on the others.

    Collective. Nobody waits longer than if all compiled at once, since what follows
    needs the leaders, too.
    """
    if not ranks.leads:
        ranks.gather_bytes(b"")
        return work()
    try:
        return work()
    finally:
        ranks.gather_bytes(b"")


def flat_statistics(size: int) -> LifeStatistics:
    """Of ``size`` members that all lived alike: shapes and types of the real ones."""
    zeros: Any = np.zeros(size, np.float32)
    ones: Any = np.ones(size, np.float32)
    none: Any = np.zeros(size, np.int32)
    places = Places(none, none + size)
    return LifeStatistics(zeros, zeros, zeros, ones, places=places)
