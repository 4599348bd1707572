"""Bernoulli bandits: find the best arm by pulling it."""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge, Le

from evolife.base import Action, Array, Discrete, Environment, Key, Spec, TimeStep


class State(NamedTuple):
    """The arms of the current trial, and what choosing badly has cost so far."""

    chances: Array
    """``(contexts, arms)``."""
    context: Array
    pulled: Array
    regret: Array


@dataclasses.dataclass(frozen=True)
class Bandit(Environment):
    """Trials of ``pulls`` pulls on ``arms`` arms that pay 1 with a hidden chance.

    Chances are uniform on [0, 1] and drawn anew for every trial (the task of RL^2,
    Duan et al. 2016). A life holds as many trials as fit into its steps. With
    ``drift`` the arms are restless: chances walk at random, reflected at 0 and 1. With
    ``contexts`` every pull shows one of several contexts, each with chances of its own.
    """

    senses: ClassVar[str] = (
        "a constant, and which context it is where there are several: only actions and "
        "rewards tell of the arms"
    )
    acts: ClassVar[str] = "pulls one arm"
    objective: ClassVar[str] = (
        "the number of pulls that paid; assumes arms that keep their chance for a trial"
    )
    generalises: ClassVar[str] = "other draws of the arms, and longer trials"

    arms: Annotated[int, Ge(2)] = 5
    """Arms to choose from."""
    pulls: Annotated[int, Ge(1)] = 10
    """Pulls in one trial."""
    contexts: Annotated[int, Ge(1)] = 1
    """Contexts, one of which is drawn for each pull."""
    drift: Annotated[float, Ge(0), Le(0.5)] = 0.0
    """Standard deviation of a chance's walk in one step; 0 for arms that stay."""

    @property
    def spec(self) -> Spec:
        """A constant, the context as one-hot numbers, and one arm to choose."""
        several = self.contexts if self.contexts > 1 else 0
        return Spec(1 + several, Discrete(self.arms))

    @property
    def reward_range(self) -> tuple[float, float]:
        """A pull pays 0 or 1."""
        return 0.0, 1.0

    def check(self, steps: int) -> None:
        """Refuse lives that end before one trial does."""
        if steps < self.pulls:
            raise ValueError(
                f"pulls = {self.pulls}: a life of {steps} steps ends before one trial "
                "does; lower env.pulls or raise lifetime.steps"
            )

    def reset(self, key: Key) -> tuple[State, TimeStep]:
        """Draw the arms of the first trial."""
        chances, context = self._drawn(key)
        zero = jnp.zeros((), jnp.float32)
        state = State(chances, context, jnp.zeros((), jnp.int32), zero)
        return state, self._timestep(state, zero, jnp.ones((), bool))

    def step(self, state: State, action: Action, key: Key) -> tuple[State, TimeStep]:
        """Pull an arm; after the last pull of a trial, draw new arms."""
        luck, arms = jax.random.split(key)
        rows = jnp.arange(self.contexts)[:, None] == state.context
        here = jnp.sum(jnp.where(rows, state.chances, 0.0), axis=0)
        chance = jnp.sum(jnp.where(jnp.arange(self.arms) == action, here, 0.0))
        reward = (jax.random.uniform(luck) < chance).astype(jnp.float32)
        ends = state.pulled + 1 >= self.pulls
        fresh, context = self._drawn(arms)
        chances = jnp.where(ends, fresh, self._walked(state.chances, arms))
        regret = state.regret + here.max() - chance
        pulled = jnp.where(ends, 0, state.pulled + 1)
        state = State(chances, context, pulled, regret)
        return state, self._timestep(state, reward, ends)

    def _drawn(self, key: Key) -> tuple[Array, Array]:
        """Chances of a new trial, and the context of the next pull."""
        chances = jax.random.uniform(key, (self.contexts, self.arms))
        if self.contexts == 1:
            return chances, jnp.zeros((), jnp.int32)
        other = jax.random.fold_in(key, 1)
        return chances, jax.random.randint(other, (), 0, self.contexts)

    def _walked(self, chances: Array, key: Key) -> Array:
        if not self.drift:
            return chances
        noise = jax.random.normal(jax.random.fold_in(key, 2), chances.shape)
        # The triangle wave reflects a walk at both ends.
        return 1 - jnp.abs(1 - jnp.mod(chances + self.drift * noise, 2))

    def _timestep(self, state: State, reward: Array, first: Array) -> TimeStep:
        shown = jnp.ones(1, jnp.float32)
        if self.contexts > 1:
            which = (jnp.arange(self.contexts) == state.context).astype(jnp.float32)
            shown = jnp.append(shown, which)
        return TimeStep(shown, reward, first)

    def statistics(self, state: State) -> dict[str, Array]:
        """Expected reward lost to pulling worse arms, over the life."""
        return {"regret": state.regret}

    def memoryless(self, steps: int) -> float:
        """Without memory all arms are alike: one half a pull."""
        return steps / 2

    def optimum(self, steps: int) -> float | None:
        """Bayes-optimal return by dynamic programming; None where it is too large.

        Of restless arms, the return of an oracle that knows all chances at every pull:
        ``arms / (arms + 1)`` a pull, since the walk leaves them uniform.
        """
        if self.drift:
            return steps * self.arms / (self.arms + 1)
        if steps % self.pulls or _size(self.arms, self.pulls) > 2_000_000:
            return None
        once = bayes_optimum(self.arms, self.pulls, self.contexts)
        return steps // self.pulls * once


def _size(arms: int, pulls: int) -> int:
    """Bound the number of beliefs: successes and failures of each arm."""
    size = 1
    for i in range(min(2 * arms, 2 * pulls)):
        size = size * (pulls + i + 1) // (i + 1)
    return size


def bayes_optimum(arms: int, pulls: int, contexts: int = 1) -> float:
    """Expected payout of the best policy, by recursion over sorted beliefs.

    ``V(b, n) = max_a m_a (1 + V(b + success_a, n - 1)) + (1 - m_a) V(b + failure_a,
    n - 1)`` with posterior means ``m = (s + 1) / (s + f + 2)``. Contexts do not inform
    of each other, so each is a bandit of its own whose turn comes with equal chances.
    """

    @functools.cache
    def value(beliefs: tuple[tuple[int, int], ...], left: int) -> float:
        if not left:
            return 0.0
        turn = max(payouts(beliefs, left))
        if contexts == 1:
            return turn
        return (turn + (contexts - 1) * value(beliefs, left - 1)) / contexts

    def payouts(beliefs: tuple[tuple[int, int], ...], left: int) -> Iterator[float]:
        for i, (wins, losses) in enumerate(beliefs):
            if i and beliefs[i] == beliefs[i - 1]:
                continue
            mean = (wins + 1) / (wins + losses + 2)
            others = beliefs[:i] + beliefs[i + 1 :]
            won = tuple(sorted((*others, (wins + 1, losses))))
            lost = tuple(sorted((*others, (wins, losses + 1))))
            pull = mean * (1 + value(won, left - 1))
            yield pull + (1 - mean) * value(lost, left - 1)

    return contexts * value(((0, 0),) * arms, pulls)
