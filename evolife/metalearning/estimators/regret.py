"""One-step selection regret, on generations that are drawn and not lived."""

import dataclasses
from typing import Annotated, Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge, Le, Len

from evolife import base
from evolife.base import Array, Key, LifeStatistics
from evolife.metalearning.gradient_estimator import GradientEstimator
from evolife.metalearning.tasks.noisy_lives import Drawn, NoisyLives, draw
from evolife.selection.features import FEATURES, Trail, observe, ranks, standardised
from evolife.selection.operator import Operator, weigh
from evolife.selection.shaping.centered_rank import CenteredRank
from evolife.selection.shaping.learned import Learned, LearnedState


def regret(weights: Array, worth: Array) -> Array:
    """``-sum_i w_i G_i``: what is lost by ``(K,)`` weights of members worth G.

    ``G`` is ``worth`` standardised over members, and was measured apart from all that
    the weights were made of. Nothing of a life is differentiated: for w = softmax(l)
    the gradient with respect to l_i is ``-w_i (G_i - sum_j w_j G_j)``, the policy
    gradient of Williams 1992 summed over all choices instead of sampled.
    """
    return -weights @ standardised(jax.lax.stop_gradient(worth))


@dataclasses.dataclass(frozen=True)
class Regret(NoisyLives, GradientEstimator):
    """Generations drawn from a model of noisy lives, fresh at every meta-step."""

    idea: ClassVar[str] = "what is lost by one choice among drawn noisy lives"

    members: Annotated[tuple[Annotated[int, Ge(2), Le(4096)], ...], Len(1)] = (
        *(16, 64, 256),
    )
    """K of each shard."""
    tasks: Annotated[int, Ge(1)] = 64
    """Generations drawn in each shard at every meta-step."""

    @property
    def shards(self) -> int:
        """One for each entry of ``members``."""
        return len(self.members)

    def begin(self, shard: int, key: Key) -> tuple[()]:
        """Nothing is carried: every generation is a new one."""
        return ()

    def gradient(
        self, shard: int, operator: Operator, carry: tuple[()], key: Key
    ) -> tuple[Operator, tuple[()], dict[str, Array]]:
        """Mean over drawn generations.

        ``chosen`` and ``fittest`` are the mean worth of the member of largest weight
        and of largest fitness, in standard deviations of worth.
        """
        keys = jax.random.split(key, self.tasks)
        drawn = jax.vmap(lambda key: draw(key, self.members[shard], self))(keys)
        signed = self.architecture.signed

        def loss(operator: Operator) -> tuple[Array, Array]:
            weights = jax.vmap(lambda one: weights_of(operator, one, signed))(drawn)
            return jnp.mean(jax.vmap(regret)(weights, drawn.worth)), weights

        (value, weights), slope = jax.value_and_grad(loss, has_aux=True)(operator)
        worth = jax.vmap(standardised)(drawn.worth)
        told = {
            "loss": value,
            "chosen": jnp.mean(worth_of_best(weights, worth)),
            "fittest": jnp.mean(worth_of_best(drawn.fitness, worth)),
        }
        return slope, (), told

    def described(self) -> dict[str, Any]:
        """That no environment was met."""
        return {"lives": "drawn from a model, none was lived"}


def weights_of(operator: Operator, drawn: Drawn, signed: bool) -> Array:
    """``(K,)`` weights of one drawn generation."""
    seen, _ = observe(drawn.fitness, drawn.statistics, drawn.trail)
    return weigh(operator, seen, ranks(drawn.fitness), signed)


def worth_of_best(judged: Array, worth: Array) -> Array:
    """Worth of the member judged best, along the last axis; the tied share."""
    best = judged == jnp.max(judged, axis=-1, keepdims=True)
    return jnp.sum(best * worth, axis=-1) / jnp.sum(best, axis=-1)


class Witnessed(NamedTuple):
    """A learned selection's state, and what it saw last."""

    operator: Operator
    trail: Trail
    seen: Array
    """``(K, F)`` features of the last generation."""


@dataclasses.dataclass(frozen=True, eq=False)
class Witness(base.Selection):
    """A learned selection that keeps what a strategy showed it."""

    learned: Learned
    members: int
    """How many are weighed at once."""
    obeyed: bool = True
    """Whether evolution follows its weights; if not, it follows centred ranks."""

    def init(self) -> Witnessed:
        """The operator as it was given; nothing has been seen."""
        nothing = jnp.zeros((self.members, len(FEATURES)), jnp.float32)
        return Witnessed(*self.learned.init(), nothing)

    def weights(
        self, fitness: Array, statistics: LifeStatistics, state: Witnessed
    ) -> tuple[Array, Witnessed]:
        """Weigh ``(K,)`` finite fitness, and keep its features."""
        seen, _ = observe(fitness, statistics, state.trail)
        held = LearnedState(state.operator, state.trail)
        weights, held = self.learned.weights(fitness, statistics, held)
        if not self.obeyed:
            weights = CenteredRank().of(jnp.asarray(fitness, jnp.float32))
        return weights, Witnessed(*held, seen)


def weights_seen(operator: Operator, seen: Array, signed: bool) -> Array:
    """``(G, K)`` weights of the features that a witness kept in each of G groups."""

    def of_group(seen: Array) -> Array:
        return weigh(operator, seen, seen[:, FEATURES.index("rank")], signed)

    return jax.vmap(of_group)(seen.reshape(-1, *seen.shape[-2:]))
