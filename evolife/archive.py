"""Candidates for the best of K: the most promising genome of many generations."""

from typing import Any, NamedTuple

import jax
import numpy as np

from evolife.base import Genome

CENTRE = -1
"""Member number of the strategy's own centre."""


class Archive(NamedTuple):
    """C candidates, and a last place for the centre.

    The first half holds the highest scores ever, the second the best members of the
    newest generations: where all members of a generation meet the same luck, the
    highest scores tell of lucky generations.

    The arrays are changed in place: at a million parameters, copying them at every
    improvement would cost more than the generation did.
    """

    genomes: Any
    """Genomes stacked along a leading axis of C + 1."""
    selected: np.ndarray
    """``(C + 1,)`` float32 score that brought each in: the best of many noisy ones."""
    generation: np.ndarray
    """``(C + 1,)`` int32, from 1; 0 marks an empty place."""
    member: np.ndarray
    """``(C + 1,)`` int32; CENTRE for the strategy's centre."""

    @classmethod
    def empty(cls, template: Genome, capacity: int) -> "Archive":
        """An archive of empty places for genomes like ``template``."""
        places = capacity + 1
        return cls(
            jax.tree.map(
                lambda leaf: np.zeros((places, *leaf.shape), leaf.dtype), template
            ),
            np.full(places, -np.inf, np.float32),
            np.zeros(places, np.int32),
            np.zeros(places, np.int32),
        )

    @property
    def candidates(self) -> list[int]:
        """The places that are filled, one for each candidate that is held twice."""
        found: dict[tuple[int, int], int] = {}
        for place in np.flatnonzero(self.generation).tolist():
            who = int(self.generation[place]), int(self.member[place])
            found.setdefault(who, place)
        return list(found.values())

    @property
    def _highest(self) -> int:
        """How many places go by score: half of C, rounded up."""
        return len(self.selected) // 2

    def _welcomes(self, score: float) -> bool:
        """Whether a member with this score would enter."""
        return bool(score > self.selected[: self._highest].min())

    def offer(self, genome: Genome, score: float, generation: int, member: int) -> None:
        """Put a generation's best member among the newest, and the highest if it is."""
        candidate = (genome, score, generation, member)
        newest = len(self.selected) - 1 - self._highest
        if self._welcomes(score):
            self._put(int(np.argmin(self.selected[: self._highest])), candidate)
        if newest:
            self._put(self._highest + generation % newest, candidate)

    def offer_centre(self, genome: Genome, generation: int) -> None:
        """Put the centre, which has no score of its own, in the last place."""
        self._put(len(self.selected) - 1, (genome, -np.inf, generation, CENTRE))

    def _put(self, place: int, candidate: tuple) -> None:
        def put(stack: np.ndarray, value: Any) -> None:
            stack[place] = value

        jax.tree.map(put, tuple(self), candidate)
