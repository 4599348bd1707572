"""Forgetting, where groups of classes take turns in a stream."""

from typing import NamedTuple, Self

import jax.numpy as jnp

from evolife.base import Array


class Turns(NamedTuple):
    """Guesses at the ends of turns, and when a group comes back; ``()`` int32 each."""

    leaving: Array
    """Guesses in the last quarters of turns."""
    leaving_right: Array
    back: Array
    """Guesses in the first quarters of turns of groups that were there before."""
    back_right: Array

    @classmethod
    def none(cls) -> Self:
        """Nothing was guessed yet."""
        return cls(*[jnp.zeros((), jnp.int32)] * 4)

    def counted(self, right: Array, age: Array, turn: int, groups: int) -> Self:
        """Count in a guess at ``age`` where ``groups`` have turns of ``turn`` steps."""
        place, quarter = age % turn, turn // 4
        leaves = place >= turn - quarter
        returns = (place < quarter) & (age >= turn * groups)
        return type(self)(
            self.leaving + leaves,
            self.leaving_right + (leaves & right),
            self.back + returns,
            self.back_right + (returns & right),
        )

    def forgetting(self) -> Array:
        """Accuracy when leaving less that when coming back; 0 if nothing came back.

        The forgetting measure of Chaudhry et al. (2018), with the accuracy at the end
        of a turn in place of the best so far.
        """
        left = self.leaving_right / jnp.maximum(self.leaving, 1)
        found = self.back_right / jnp.maximum(self.back, 1)
        return jnp.where(self.back > 0, left - found, 0.0)
