"""Who a learned selection is judged against, each with the same start and budget.

Three rows: other weights in the operator's own strategy, among them shams that only
look like the operator; other strategies; and CMA-ES with and without it.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from evosax.algorithms import population_based_algorithms

from evolife import keys
from evolife.base import Array, Key, LifeStatistics, Places, Selection
from evolife.selection import features
from evolife.selection import operator as operators
from evolife.selection.operator import Architecture, Operator
from evolife.selection.shaping import Shaping
from evolife.selection.shaping.centered_rank import CenteredRank
from evolife.selection.shaping.des import Des
from evolife.selection.shaping.learned import Learned, LearnedState
from evolife.selection.shaping.nes import Nes
from evolife.selection.shaping.raw import Raw
from evolife.selection.shaping.truncation import Truncation
from evolife.selection.shaping.z_score import ZScore
from evolife.strategies.evosax.checks import check_name
from evolife.strategies.evosax.settings import valid_keys
from evolife.strategies.evosax.strategy import EvosaxStrategy
from evolife.strategies.evosax.strategy import build as build_evosax

LEARNED = "learned"
"""Name of the contender that is judged, in every row."""

STRATEGIES = (
    *("Sep_CMA_ES", "LES", "CMAAnchoredLES", "DES", "EvoTF_ES", "LGA", "CMA_ES"),
)
"""Algorithms of evosax with their native selection, four of them learned."""

_CONTEXT = 50
"""Generations that EvoTF_ES looks back on: all of those it is asked to do."""
_DEAREST = {"EvoTF_ES": 10 * 16 * _CONTEXT}
"""Largest product of D, N and generations that a slow algorithm is measured at."""


@dataclasses.dataclass(frozen=True)
class CmaLog(Shaping):
    """max(0, log((K + 1) / 2) - log k) normalised to sum 1; k = 1 is the best.

    The positive recombination weights of CMA-ES; Hansen 2016 ("The CMA evolution
    strategy: a tutorial", equation 49). Equal fitness gives every member 1 / K.
    """

    def shape(self, fitness: Array, places: Places) -> Array:
        """Logarithmic ranks, cut at the middle."""
        size = fitness.size
        # Twice the average rank, a whole number, so that ties are exactly 0.
        twice = (places.worse + places.upto - 1).astype(jnp.float32)
        ratio = (size + 1) / (2 * size - twice)
        above = jnp.maximum(0.0, jnp.log(ratio))
        total = jnp.sum(above)
        return jnp.where(total > 0, above / jnp.where(total > 0, total, 1), 1 / size)


@dataclasses.dataclass(frozen=True, eq=False)
class Shuffled(Learned):
    """A sham: the operator's weights, handed to members drawn anew each generation.

    What is seen of the members changes hands before it is weighed, so the weights are
    the same set and say nothing of who is better.
    """

    def weights(
        self, fitness: Array, statistics: LifeStatistics, state: LearnedState
    ) -> tuple[Array, LearnedState]:
        """Weigh ``(K,)`` finite fitness by what is seen of somebody else."""
        seen, trail = features.observe(fitness, statistics, state.trail)
        ranks = features.ranks(jnp.asarray(fitness, jnp.float32))
        order = exchange(state.trail, ranks.size)
        weights = operators.weigh(
            state.operator, seen[order], ranks[order], self.shape.signed
        )
        return weights, LearnedState(state.operator, trail)


def exchange(trail: features.Trail, size: int) -> Array:
    """``(K,)`` whose features each member gets in the trail's generation."""
    key = jax.random.fold_in(keys.root_key(0), trail.generation.astype(jnp.int32))
    return jax.random.permutation(key, size)


HAND_MADE: dict[str, Selection] = {
    "raw": Raw(),
    "z_score": ZScore(),
    "centered_rank": CenteredRank(),
    "nes": Nes(),
    "des": Des(),
    "truncation 1/2": Truncation(0.5),
    "truncation 1/4": Truncation(0.25),
    "argmax": Truncation(1e-9),
    "cma_log": CmaLog(),
}
"""Weights by formula; argmax gives all weight to the best member."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a strategy is built; contenders of equal recipes share a compiled program."""

    strategy: str
    """Algorithm of evosax."""
    selection: Selection | None = None
    """None: the algorithm's native one."""

    def settings(self) -> dict[str, Any]:
        """Defaults, but that each coordinate starts with a standard deviation of 1."""
        allowed = valid_keys(self.strategy)
        given: dict[str, Any] = {
            k: 1.0 for k in ("std_init", "std_schedule") if k in allowed
        }
        if self.strategy == "EvoTF_ES":
            given["max_context_len"] = _CONTEXT
        return given

    def build(self, size: int, dimensions: int) -> EvosaxStrategy:
        """A strategy of N members over ``(D,)`` vectors.

        Raises:
            InvalidInput: evosax has no such algorithm, or it refuses the sizes.
        """
        check_name(self.strategy)
        template = jax.ShapeDtypeStruct((dimensions,), jnp.float32)
        settings = self.settings()
        return build_evosax(self.strategy, size, settings, self.selection, template)

    def newborn(self, key: Key, dimensions: int) -> Array:
        """``(D,)``: the origin; drawn from N(0, 1) for algorithms without a mean."""
        if self.strategy in population_based_algorithms:
            return jax.random.normal(key, (dimensions,))
        return jnp.zeros(dimensions)


@dataclasses.dataclass(frozen=True, eq=False)
class Contender:
    """A strategy with a selection, under a name."""

    name: str
    recipe: Recipe
    parameters: Operator | None = None
    """Of its operator, put in the place of the recipe's; None: nothing is learned."""

    def build(self, size: int, dimensions: int) -> EvosaxStrategy:
        """The strategy of N members over ``(D,)`` vectors; raises as its recipe."""
        if self.parameters is None:
            return self.recipe.build(size, dimensions)
        selection = dataclasses.replace(
            self.recipe.selection,  # type: ignore[type-var]
            parameters=self.parameters,
        )
        return Recipe(self.recipe.strategy, selection).build(size, dimensions)

    def affordable(self, dimensions: int, size: int, generations: int) -> bool:
        """Whether it is measured at these sizes, or left out as too slow."""
        dearest = _DEAREST.get(self.recipe.strategy, math.inf)
        return dimensions * size * generations <= dearest


@functools.cache
def _empty(kind: type[Learned], shape: Architecture) -> Learned:
    """A selection whose parameters a contender brings: one for all meta-seeds."""
    return kind("", shape, operators.init(keys.root_key(0), shape))


def _learned(
    name: str, strategy: str, operator: Learned, kind: type[Learned] = Learned
) -> Contender:
    recipe = Recipe(strategy, _empty(kind, operator.shape))
    return Contender(name, recipe, Operator(*operator.parameters))


def weights(strategy: str, operator: Learned, key: Key) -> list[Contender]:
    """The operator, weights made by hand, and shams, all in one strategy.

    ``key`` draws the parameters of the untrained operator.
    """
    fresh = dataclasses.replace(
        operator, parameters=operators.init(key, operator.shape)
    )
    return [
        _learned(LEARNED, strategy, operator),
        *(Contender(n, Recipe(strategy, made)) for n, made in HAND_MADE.items()),
        _learned("untrained", strategy, fresh),
        _learned("shuffled features", strategy, operator, Shuffled),
    ]


def strategies(
    strategy: str, operator: Learned, names: Sequence[str] = STRATEGIES
) -> list[Contender]:
    """The operator in its own strategy, and other strategies as they come."""
    others = (Contender(name, Recipe(name)) for name in names)
    return [_learned(LEARNED, strategy, operator), *others]


def cma(operator: Learned) -> list[Contender]:
    """CMA-ES with the operator's weights, and with its own."""
    native = Contender("CMA_ES", Recipe("CMA_ES"))
    return [_learned(LEARNED, "CMA_ES", operator), native]
