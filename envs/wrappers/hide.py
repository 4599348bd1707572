"""Parts of the observation are hidden."""

import dataclasses
from typing import Annotated, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
from annotated_types import Ge, MinLen

from evolife.base import Action, EnvState, Key, TimeStep
from evolife.envs.wrappers import Wrapper


class State(NamedTuple):
    """The world inside."""

    inner: EnvState


@dataclasses.dataclass(frozen=True)
class Hide(Wrapper):
    """Some numbers of the observation are always 0: what they told must be inferred.

    Without the velocities, for example, a pole on a cart asks for memory.
    """

    senses: ClassVar[str] = "some of it is hidden"

    indices: Annotated[tuple[Annotated[int, Ge(0)], ...], MinLen(1)] = (0,)
    """Places in the observation, from 0."""

    def __post_init__(self) -> None:
        """Refuse places that the observation does not have."""
        size = self.inner.spec.observation_size
        if strange := [index for index in self.indices if index >= size]:
            raise ValueError(
                f"hide = {strange}: the observation has {size} numbers; allowed are "
                f"0 to {size - 1}"
            )

    def reset(self, key: Key) -> tuple[State, TimeStep]:
        """Hide from the first observation on."""
        inner, timestep = self.inner.reset(key)
        return State(inner), self._hidden(timestep)

    def step(self, state: State, action: Action, key: Key) -> tuple[State, TimeStep]:
        """Step inside, then hide."""
        inner, timestep = self.inner.step(state.inner, action, key)
        return State(inner), self._hidden(timestep)

    def _hidden(self, timestep: TimeStep) -> TimeStep:
        shown = ~np.isin(np.arange(self.spec.observation_size), self.indices)
        observation = jnp.where(shown, timestep.observation, 0.0)
        return timestep._replace(observation=observation)
