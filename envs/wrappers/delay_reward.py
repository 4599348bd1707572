"""Rewards arrive late."""

import dataclasses
from typing import Annotated, ClassVar, NamedTuple

import jax.numpy as jnp
from annotated_types import Ge, Le

from evolife.base import Action, Array, EnvState, Key, TimeStep
from evolife.envs.wrappers import Wrapper


class State(NamedTuple):
    """The world inside, and rewards that are still to come."""

    inner: EnvState
    pending: Array
    """``(steps,)``, the next one first."""


@dataclasses.dataclass(frozen=True)
class DelayReward(Wrapper):
    """Every reward is paid ``steps`` steps later; those of the last steps never.

    So an agent has to find out which of its past actions earned what it is paid now.
    """

    objective: ClassVar[str] = "rewards arrive late, and those of the last steps never"

    steps: Annotated[int, Ge(1), Le(1024)] = 1
    """Steps from an action's reward to its payment."""

    @property
    def reward_range(self) -> tuple[float, float]:
        """As inside, and nothing while nothing has arrived."""
        low, high = self.inner.reward_range
        return min(low, 0.0), max(high, 0.0)

    def check(self, steps: int) -> None:
        """Refuse lives that end before anything is paid."""
        self.inner.check(steps)
        if steps <= self.steps:
            raise ValueError(
                f"wrap, delay_reward = {self.steps}: a life of {steps} steps ends "
                "before anything is paid; lower it or raise lifetime.steps"
            )

    def reset(self, key: Key) -> tuple[State, TimeStep]:
        """Begin with nothing owed."""
        inner, timestep = self.inner.reset(key)
        return State(inner, jnp.zeros(self.steps, jnp.float32)), timestep

    def step(self, state: State, action: Action, key: Key) -> tuple[State, TimeStep]:
        """Pay what was earned ``steps`` steps ago."""
        inner, timestep = self.inner.step(state.inner, action, key)
        paid = state.pending[0]
        pending = jnp.append(state.pending[1:], timestep.reward)
        return State(inner, pending), timestep._replace(reward=paid)

    def over(self, state: State) -> Array | None:
        """When inside nothing can be earned, and nothing is owed any more."""
        ended = self.inner.over(state.inner)
        return None if ended is None else ended & (state.pending == 0).all()
