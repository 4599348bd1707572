"""Members by lives, cut into units of work of a fixed shape."""

import dataclasses
import math

import numpy as np

_BLOCK_LIMIT = 2**18
"""Member-steps up to which several lives share a unit."""


def lives_block(lives: int, tile: int, steps: int) -> int:
    """Return how many lives a unit holds: many where lives are short, else one."""
    fits = [
        n
        for n in range(1, lives + 1)
        if lives % n == 0 and n * tile * steps <= _BLOCK_LIMIT
    ]
    return max(fits, default=1)


@dataclasses.dataclass(frozen=True)
class Grid:
    """``members`` by ``lives``, cut into padded units of ``tile`` by ``block``."""

    members: tuple[int, ...]
    lives: range
    tile: int
    block: int

    @property
    def across(self) -> int:
        """Units side by side that cover all members once."""
        return math.ceil(len(self.members) / self.tile)

    @property
    def units(self) -> int:
        """How many units there are."""
        return self.across * math.ceil(len(self.lives) / self.block)

    def lanes(self, unit: int) -> tuple[np.ndarray, np.ndarray]:
        """Member ids ``(tile,)`` and life ids ``(block,)`` of one unit, int32."""
        down, across = divmod(unit, self.across)
        i = np.arange(self.tile) + across * self.tile
        j = np.arange(self.block) + down * self.block
        members = np.asarray(self.members, np.int32)
        return (
            members[np.minimum(i, len(self.members) - 1)],
            (np.minimum(j, len(self.lives) - 1) + self.lives.start).astype(np.int32),
        )

    def assemble(self, rows: np.ndarray) -> np.ndarray:
        """Turn ``(units, tile, block, ...)`` into ``(members, lives, ...)``."""
        rest = rows.shape[3:]
        rows = rows.reshape(-1, self.across, self.tile, self.block, *rest)
        rows = np.moveaxis(rows, 0, 2)
        rows = rows.reshape(self.across * self.tile, -1, *rest)
        return rows[: len(self.members), : len(self.lives)]

    def places(self, row: int, life: int) -> tuple[int, int, int]:
        """Unit, lane and slot in which member number ``row`` lives life ``life``."""
        down, slot = divmod(life, self.block)
        across, lane = divmod(row, self.tile)
        return down * self.across + across, lane, slot
