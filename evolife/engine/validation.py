"""The validation curve: the strategy's centre, again and again on the same lives.

Fitness jumps with the luck of each generation's lives, and its best is the best of
many. The centre is one agent, and its lives here stay the same for the whole run and
come from a pool of their own: what moves is what was learned. The curve changes nothing
of the evolution, so it may be recorded densely, thinly or not at all.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from evolife import keys
from evolife.base import StrategyState
from evolife.engine.ablation import switched
from evolife.engine.experiment import Experiment
from evolife.engine.settings import Settings
from evolife.engine.tournament import champion_grid, interval_of_mean, moments
from evolife.engine.work import Task
from evolife.ranks.mpi import Ranks

_PART = 50
"""``auto`` adds this part of the steps of evolution at most, but for the first and
last validation."""
_LEAST = 10


class Validation(NamedTuple):
    """How the centre did; all NaN where a life had no finite return."""

    mean: float
    """Mean return over the lives of the curve."""
    low: float
    """Lower end of its 95% confidence interval."""
    high: float
    """Upper end."""


def generations_between(settings: Settings) -> int | None:
    """How many generations lie between two validations; None: there are none."""
    every = settings.validate_every
    if every != "auto":
        return every
    lives = settings.population * settings.lives
    # In whole numbers: a float would round a quotient that is whole up to the next.
    return max(_LEAST, -(-_PART * settings.validate_lives // lives))


class Validator:
    """Measures the centre of one run; its lives are shared among the ranks."""

    def __init__(self, experiment: Experiment) -> None:
        settings, self._strategy = experiment.settings, experiment.strategy
        self._every, self._last = generations_between(settings), settings.generations
        # As many places as the tournament has: the two share one compiled program.
        self._places = settings.archive + 1
        self._evaluator, self._agent = experiment.champions, experiment.agent
        self._grid = champion_grid([0], range(settings.validate_lives))
        self._pool = keys.pool_key(settings.seed, keys.Pool.CURVE)
        self._stack = jax.jit(self._stacked)

    def is_due(self, done: int) -> bool:
        """Whether the curve has a point after ``done`` generations.

        It has at the first and the last, and at every so many between.
        """
        ends = done in (1, self._last)
        return self._every is not None and (ends or done % self._every == 0)

    def measure(self, strategy: StrategyState, ranks: Ranks) -> Validation:
        """Live the centre of ``strategy``; the same on every rank.

        Raises:
            Interrupted: when a stop was asked for.
        """
        genomes = switched(self._agent, self._stack(strategy), self._places)
        task = Task(genomes, self._pool, np.int32(0))
        scores = self._evaluator.live(self._grid, task, ranks).scores[0]
        return Validation(moments(scores)[0], *interval_of_mean(scores))

    def _stacked(self, strategy: StrategyState) -> Any:
        def repeated(leaf: Any) -> Any:
            return jnp.broadcast_to(leaf, (self._places, *leaf.shape))

        return jax.tree.map(repeated, self._strategy.centre(strategy))
