"""Every life has its own order of senses."""

import dataclasses
from typing import ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp

from evolife.base import Action, Array, EnvState, Key, TimeStep
from evolife.envs.wrappers import Wrapper


class State(NamedTuple):
    """The world inside, and this life's order of its observation."""

    inner: EnvState
    order: Array


@dataclasses.dataclass(frozen=True)
class Permute(Wrapper):
    """The numbers of the observation change places, drawn anew for every life.

    What a sense means is thus to be learned within the life (Tang & Ha 2021).
    """

    senses: ClassVar[str] = "in an order that is drawn for every life"

    on: Literal[True] = True
    """Written as ``permute: true``."""

    def reset(self, key: Key) -> tuple[State, TimeStep]:
        """Draw the order, which holds for the whole life."""
        begin, order = jax.random.split(key)
        inner, timestep = self.inner.reset(begin)
        places = jax.random.permutation(order, self.spec.observation_size)
        state = State(inner, places.astype(jnp.int32))
        return state, _permuted(state, timestep)

    def step(self, state: State, action: Action, key: Key) -> tuple[State, TimeStep]:
        """Step inside, then reorder."""
        inner, timestep = self.inner.step(state.inner, action, key)
        state = State(inner, state.order)
        return state, _permuted(state, timestep)


def _permuted(state: State, timestep: TimeStep) -> TimeStep:
    return timestep._replace(observation=timestep.observation[state.order])
