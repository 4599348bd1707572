"""Compiles what a generation needs before it begins: once a machine, not once a rank.

Where ranks share a folder of compiled programs, the first rank of each machine fills it
while the others wait without using their cores, and then read what they need.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from evolife.base import LifeStatistics, Places
from evolife.ranks.base import Ranks


def compile_in_turn(compile_all: Callable[[], None], ranks: Ranks) -> None:
    """Call ``compile_all`` on the leading ranks first, then on the others; collective.

    Nobody waits longer than if all compiled at once: the first generation needs the
    leaders, too.
    """
    if ranks.leads:
        compile_all()
    ranks.gather_bytes(b"")
    if not ranks.leads:
        compile_all()


def flat_statistics(size: int) -> LifeStatistics:
    """Of ``size`` members that all lived alike: shapes and types of the real ones."""
    zeros: Any = np.zeros(size, np.float32)
    ones: Any = np.ones(size, np.float32)
    none: Any = np.zeros(size, np.int32)
    places = Places(none, none + size)
    return LifeStatistics(zeros, zeros, zeros, ones, places=places)
