"""Bernoulli bandits: find the best arm by pulling it."""

import dataclasses
import functools
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge

from evolife.base import Action, Array, Discrete, Environment, Key, Spec, TimeStep


class State(NamedTuple):
    """The arms of the current trial, and what choosing badly has cost so far."""

    chances: Array
    pulled: Array
    regret: Array


@dataclasses.dataclass(frozen=True)
class Bandit(Environment):
    """Trials of ``pulls`` pulls on ``arms`` arms that pay 1 with a hidden chance.

    Chances are uniform on [0, 1] and drawn anew for every trial (the task of RL^2,
    Duan et al. 2016). A life holds as many trials as fit into its steps.
    """

    senses: ClassVar[str] = "nothing but a constant: only actions and rewards inform"
    acts: ClassVar[str] = "pulls one arm"
    objective: ClassVar[str] = (
        "the number of pulls that paid; assumes arms that keep their chance for a trial"
    )
    generalises: ClassVar[str] = "other draws of the arms, and longer trials"

    arms: Annotated[int, Ge(2)] = 5
    """Arms to choose from."""
    pulls: Annotated[int, Ge(1)] = 10
    """Pulls in one trial."""

    @property
    def spec(self) -> Spec:
        """One constant observation, one arm to choose."""
        return Spec(1, Discrete(self.arms))

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
        chances = jax.random.uniform(key, (self.arms,))
        zero = jnp.zeros((), jnp.float32)
        state = State(chances, jnp.zeros((), jnp.int32), zero)
        return state, _timestep(zero, jnp.ones((), bool))

    def step(self, state: State, action: Action, key: Key) -> tuple[State, TimeStep]:
        """Pull an arm; after the last pull of a trial, draw new arms."""
        luck, arms = jax.random.split(key)
        chance = jnp.sum(jnp.where(jnp.arange(self.arms) == action, state.chances, 0.0))
        reward = (jax.random.uniform(luck) < chance).astype(jnp.float32)
        ends = state.pulled + 1 >= self.pulls
        chances = jnp.where(ends, jax.random.uniform(arms, (self.arms,)), state.chances)
        regret = state.regret + state.chances.max() - chance
        pulled = jnp.where(ends, 0, state.pulled + 1)
        return State(chances, pulled, regret), _timestep(reward, ends)

    def statistics(self, state: State) -> dict[str, Array]:
        """Expected reward lost to pulling worse arms, over the life."""
        return {"regret": state.regret}

    def memoryless(self, steps: int) -> float:
        """Without memory all arms are alike: one half a pull."""
        return steps / 2

    def optimum(self, steps: int) -> float | None:
        """Bayes-optimal return by dynamic programming; None where it is too large."""
        if steps % self.pulls or _size(self.arms, self.pulls) > 2_000_000:
            return None
        return steps // self.pulls * bayes_optimum(self.arms, self.pulls)


def _timestep(reward: Array, first: Array) -> TimeStep:
    return TimeStep(jnp.ones(1, jnp.float32), reward, first)


def _size(arms: int, pulls: int) -> int:
    """Bound the number of beliefs: successes and failures of each arm."""
    size = 1
    for i in range(min(2 * arms, 2 * pulls)):
        size = size * (pulls + i + 1) // (i + 1)
    return size


def bayes_optimum(arms: int, pulls: int) -> float:
    """Expected payout of the best policy, by recursion over sorted beliefs.

    ``V(b, n) = max_a m_a (1 + V(b + success_a, n - 1)) + (1 - m_a) V(b + failure_a,
    n - 1)`` with posterior means ``m = (s + 1) / (s + f + 2)``.
    """

    @functools.cache
    def value(beliefs: tuple[tuple[int, int], ...], left: int) -> float:
        if not left:
            return 0.0
        best = 0.0
        for i, (wins, losses) in enumerate(beliefs):
            if i and beliefs[i] == beliefs[i - 1]:
                continue
            mean = (wins + 1) / (wins + losses + 2)
            others = beliefs[:i] + beliefs[i + 1 :]
            won = tuple(sorted((*others, (wins + 1, losses))))
            lost = tuple(sorted((*others, (wins, losses + 1))))
            pull = mean * (1 + value(won, left - 1))
            best = max(best, pull + (1 - mean) * value(lost, left - 1))
        return best

    return value(((0, 0),) * arms, pulls)
