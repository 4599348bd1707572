"""What a unit of work is about, how far it came, and what of it crosses the network."""

import struct
from typing import Any, NamedTuple

import numpy as np

from evolife.base import Key
from evolife.engine.grid import Grid
from evolife.engine.lifetime import Life, Outcome

ROW_BYTES = 12
"""What crosses the network for one life of one member: three numbers."""
SHARE = struct.Struct("<If")
"""What each rank adds: how many units of its share it finished, in how many seconds."""


class Task(NamedTuple):
    """Whose lives, and which."""

    proposal: Any
    pool: Key
    generation: np.int32


class Partial(NamedTuple):
    """What was finished when a generation was stopped."""

    done: np.ndarray
    """``(units,)`` bool."""
    rows: np.ndarray
    """``(units, tile, block, 3)`` float32: score, early and late mean."""

    @classmethod
    def none(cls, grid: Grid) -> "Partial":
        """Nothing is finished yet."""
        shape = (grid.units, grid.tile, grid.block, 3)
        return cls(np.zeros(grid.units, bool), np.zeros(shape, np.float32))


class Begun(NamedTuple):
    """A unit that the device was given and that nobody has waited for yet."""

    unit: int
    life: Life
    outcome: Outcome
    bins: int
    """Bins of its lives that are under way."""


class Interrupted(Exception):
    """A stop was asked for; ``partial`` holds what all ranks finished by then."""

    def __init__(self, partial: Partial) -> None:
        super().__init__("stopped between two units of work")
        self.partial = partial
