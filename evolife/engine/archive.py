"""Candidates for the best of K: the most promising genome of many generations."""

from typing import Any, NamedTuple

import jax
import numpy as np

from evolife.base import Genome

CENTRE = -1
"""Member number of the strategy's own centre."""


class Archive(NamedTuple):
    """C candidates, and a last place for the centre.

    The first half holds the best ever by their worth, the second the best members of
    the newest generations.

    The arrays are changed in place: at a million parameters, copying them at every
    improvement would cost more than the generation did.
    """

    genomes: Any
    """Genomes stacked along a leading axis of C + 1."""
    selected: np.ndarray
    """``(C + 1,)`` float32 score that brought each in: the best of many noisy ones."""
    worth: np.ndarray
    """``(C + 1,)`` float32 that says who is better, see :func:`worth_of_best`."""
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
        """How many places go by worth: half of C, rounded up."""
        return len(self.selected) // 2

    def offer(
        self,
        genome: Genome,
        score: float,
        generation: int,
        member: int,
        worth: float | None = None,
    ) -> None:
        """Put a generation's best member among the newest, and the best if it is.

        Its ``worth`` is its score, unless another is given.
        """
        worth = score if worth is None else worth
        candidate = (genome, score, worth, generation, member)
        newest = len(self.selected) - 1 - self._highest
        best = self.worth[: self._highest]
        if worth > best.min():
            self._put(int(np.argmin(best)), candidate)
        if newest:
            self._put(self._highest + generation % newest, candidate)

    def offer_centre(self, genome: Genome, generation: int) -> None:
        """Put the centre, which has no score of its own, in the last place."""
        last = len(self.selected) - 1
        self._put(last, (genome, -np.inf, -np.inf, generation, CENTRE))

    def _put(self, place: int, candidate: tuple) -> None:
        def put(stack: np.ndarray, value: Any) -> None:
            stack[place] = value

        jax.tree.map(put, tuple(self), candidate)


def worth_of_best(fitness: np.ndarray, same_lives: bool) -> float:
    """What the best of ``(K,)`` finite fitness is worth beside those of other times.

    Its score, where each member has its own luck. Where all live the same lives, luck
    is the generation's, and larger than what sets members apart; then it is how far the
    best is above the median, to which shared luck does nothing.
    """
    best = float(fitness.max())
    return best - float(np.median(fitness)) if same_lives else best
