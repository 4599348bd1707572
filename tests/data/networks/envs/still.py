"""The same four numbers at every step; what is done is earned."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp

from evolife.base import (
    Action,
    Array,
    Continuous,
    Environment,
    EnvState,
    Key,
    Spec,
    TimeStep,
)


@dataclasses.dataclass(frozen=True)
class Still(Environment):
    """Nothing is random and nothing changes."""

    senses: ClassVar[str] = "four numbers"
    acts: ClassVar[str] = "earns two numbers"
    objective: ClassVar[str] = "their sum"
    generalises: ClassVar[str] = "nowhere"

    @property
    def spec(self) -> Spec:
        """Four numbers in, two out."""
        return Spec(4, Continuous(2))

    @property
    def reward_range(self) -> tuple[float, float]:
        """Two numbers within -1 and 1."""
        return -2.0, 2.0

    def reset(self, key: Key) -> tuple[EnvState, TimeStep]:
        """Begin."""
        return (), self._sense(jnp.zeros((), jnp.float32))

    def step(
        self, state: EnvState, action: Action, key: Key
    ) -> tuple[EnvState, TimeStep]:
        """Pay."""
        return (), self._sense(action.sum())

    def _sense(self, reward: Array) -> TimeStep:
        seen = jnp.array([0.5, -0.25, 0.75, -1.0], jnp.float32)
        return TimeStep(seen, reward, jnp.zeros((), bool))
