"""Persistent evolution strategies on the operator itself: no backprop at all."""

import dataclasses
from typing import Annotated, Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt, Le

from evolife.base import Array, Key
from evolife.metalearning.on_functions import OnFunctions
from evolife.metalearning.tasks.episodes import Episode, choose
from evolife.selection.operator import Operator


class Pairs(NamedTuple):
    """What a shard carries: antithetic pairs of searches, stacked over tasks."""

    plus: Episode
    minus: Episode
    drift: Operator
    """Sum of the perturbations since a pair's task was drawn."""
    windows: Array
    """``()`` int32, how many windows came before."""


@dataclasses.dataclass(frozen=True)
class Persistent(OnFunctions):
    """PES (Vicol, Metz & Sohl-Dickstein 2021, algorithm 2), antithetic.

    In every window a pair's operators are theta + xi and theta - xi. With L the loss of
    the window and xi_sum the sum of xi since the search began, the gradient is the mean
    over pairs of ``xi_sum (L_plus - L_minus) / (2 perturbation^2)``: unbiased for the
    whole search however short the windows are.
    """

    idea: ClassVar[str] = "the gap along whole searches, by perturbing the operator"
    needs_gradients: ClassVar[bool] = False

    perturbation: Annotated[float, Gt(0)] = 0.03
    """Standard deviation of what is added to each parameter."""
    final: Annotated[float, Ge(0), Le(1)] = 0.5
    """Part of the loss that is the window's last gap; the rest is the mean gap."""

    def begin(self, shard: int, key: Key) -> Pairs:
        """Pairs that start alike."""
        fresh = self._learned.parameters
        drift = jax.tree.map(lambda x: jnp.zeros((self.tasks, *x.shape)), fresh)
        return self.pairs(self.start(shard, key), drift)

    def pairs(self, episodes: Episode, drift: Operator) -> Pairs:
        """Two of each search."""
        return Pairs(episodes, episodes, drift, jnp.int32(0))

    def gradient(
        self, shard: int, operator: Operator, carry: Pairs, key: Key
    ) -> tuple[Operator, Pairs, dict[str, Array]]:
        """Mean over pairs; a pair that is not finite counts as no difference."""
        one, limit = self.search(shard), self.limit(carry.windows)

        def of_pair(pair: tuple, key: Key) -> tuple[Any, ...]:
            plus, minus, drift = pair
            born, shaken = jax.random.split(key)
            over, new = plus.generation >= limit, one.begin(born)
            plus, minus = choose(over, new, plus), choose(over, new, minus)
            drift = jax.tree.map(lambda x: jnp.where(over, 0, x), drift)
            xi = perturbations(shaken, operator, self.perturbation)
            drift = jax.tree.map(jnp.add, drift, xi)
            up = jax.tree.map(jnp.add, operator, xi)
            down = jax.tree.map(jnp.subtract, operator, xi)
            plus, high = self._lived(one, plus, up)
            minus, low = self._lived(one, minus, down)
            sound = jnp.isfinite(high) & jnp.isfinite(low)
            change = jnp.where(sound, high - low, 0) / (2 * self.perturbation**2)
            slope = jax.tree.map(lambda x: x * change, drift)
            return slope, (plus, minus, drift), jnp.where(sound, high + low, 0) / 2

        keys = jax.random.split(key, self.tasks)
        slopes, after, losses = jax.vmap(of_pair)(tuple(carry[:3]), keys)
        slope = jax.tree.map(lambda x: jnp.mean(x, axis=0), slopes)
        plus, minus, drift = after
        after = Pairs(plus, minus, drift, carry.windows + 1)
        return slope, after, {"loss": jnp.mean(losses)}

    def _lived(self, one: Any, episode: Episode, operator: Operator) -> tuple:
        after, gaps = one.window(episode, operator, self.window)
        return after, self.final * gaps[-1] + (1 - self.final) * jnp.mean(gaps)


def perturbations(key: Key, operator: Operator, deviation: float) -> Operator:
    """Normal numbers in the shapes of ``operator``."""
    leaves, structure = jax.tree.flatten(operator)
    drawn = [
        deviation * jax.random.normal(jax.random.fold_in(key, i), leaf.shape)
        for i, leaf in enumerate(leaves)
    ]
    return jax.tree.unflatten(structure, drawn)
