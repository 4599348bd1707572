"""Gated recurrent network that senses its own actions and rewards."""

import dataclasses
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge

from evolife.base import Action, Agent, Array, Key, TimeStep
from evolife.parts import (
    Linear,
    act,
    features,
    linear,
    no_action,
    output_size,
    sense,
    sense_size,
)


class Genome(NamedTuple):
    """Weights, fixed within a life."""

    senses: Linear
    memory: Linear
    readout: Linear


class State(NamedTuple):
    """What a life changes."""

    hidden: Array
    last_action: Array


@dataclasses.dataclass(frozen=True)
class Gru(Agent):
    """Gated recurrent unit (Cho et al. 2014) with RL^2 inputs (Duan et al. 2016).

    ``h' = (1 - z) * n + z * h`` with gates ``r, z = sigmoid(W x + U h)`` and candidate
    ``n = tanh(W_n x + r * (U_n h))``.
    """

    idea: ClassVar[str] = (
        "Its activity is its memory: weights are fixed in a life, and learning is "
        "whatever the recurrent state does with past actions and rewards."
    )
    reads_reward: ClassVar[bool] = True

    hidden: Annotated[int, Ge(1)] = 32
    """Recurrent units."""
    sample: bool = False
    """Draw choices from a softmax instead of taking the largest."""

    def init_genome(self, key: Key) -> Genome:
        """Draw the three layers; the update gate starts half open."""
        a, b, c = jax.random.split(key, 3)
        n = self.hidden
        return Genome(
            linear(a, sense_size(self.spec), 3 * n),
            linear(b, n, 3 * n),
            linear(c, n, output_size(self.spec.action_space)),
        )

    def init_state(self, genome: Genome, key: Key) -> State:
        """An empty memory."""
        return State(jnp.zeros(self.hidden, jnp.float32), no_action(self.spec))

    def step(
        self, genome: Genome, state: State, timestep: TimeStep, key: Key
    ) -> tuple[State, Action]:
        """Sense, update the memory, act from it."""
        n = self.hidden
        x = genome.senses(sense(timestep, state.last_action))
        h = genome.memory(state.hidden)
        gates = jax.nn.sigmoid(x[: 2 * n] + h[: 2 * n])
        candidate = jnp.tanh(x[2 * n :] + gates[:n] * h[2 * n :])
        hidden = candidate + gates[n:] * (state.hidden - candidate)
        space = self.spec.action_space
        action = act(space, genome.readout(hidden), key, self.sample)
        return State(hidden, features(space, action)), action
