"""The world changes in mid-life."""

import dataclasses
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge

from evolife.base import Action, Array, EnvState, Key, TimeStep
from evolife.envs.wrappers import Wrapper


class State(NamedTuple):
    """The world inside, and the steps since it was drawn."""

    inner: EnvState
    age: Array


@dataclasses.dataclass(frozen=True)
class Switch(Wrapper):
    """Every ``steps`` steps the task is drawn anew, and nothing announces it.

    The agent keeps its state and has to notice that what it learned is wrong. Both
    worlds are computed at every step, because lives are lived in step; it costs a
    reset a step. Statistics are those of the last task.
    """

    objective: ClassVar[str] = "the task changes within the life, unannounced"

    steps: Annotated[int, Ge(1)] = 500
    """Steps from one task to the next."""

    def check(self, steps: int) -> None:
        """Refuse lives without a change."""
        self.inner.check(min(steps, self.steps))
        if steps <= self.steps:
            raise ValueError(
                f"wrap, switch = {self.steps}: a life of {steps} steps ends before "
                "the first change; lower it or raise lifetime.steps"
            )

    def reset(self, key: Key) -> tuple[State, TimeStep]:
        """Begin the first task."""
        inner, timestep = self.inner.reset(key)
        return State(inner, jnp.zeros((), jnp.int32)), timestep

    def step(self, state: State, action: Action, key: Key) -> tuple[State, TimeStep]:
        """Step inside; when the task is old, replace it and keep the reward."""
        stay, change = jax.random.split(key)
        inner, timestep = self.inner.step(state.inner, action, stay)
        other, begun = self.inner.reset(change)
        due = state.age + 1 >= self.steps
        inner = jax.tree.map(lambda a, b: jnp.where(due, a, b), other, inner)
        observation = jnp.where(due, begun.observation, timestep.observation)
        age = jnp.where(due, 0, state.age + 1)
        return State(inner, age), timestep._replace(observation=observation)

    def over(self, state: State) -> None:
        """Never: the next task may pay again."""
        return None
