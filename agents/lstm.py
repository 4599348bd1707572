"""Long short-term memory that senses its own actions and rewards."""

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
    """Weights, fixed within a life; columns are input, forget, output gate, cell."""

    senses: Linear
    memory: Array
    """``(hidden, 4 hidden)``; the biases are those of the senses."""
    readout: Linear


class State(NamedTuple):
    """What a life changes."""

    cell: Array
    hidden: Array
    last_action: Array


@dataclasses.dataclass(frozen=True)
class Lstm(Agent):
    """LSTM (Hochreiter & Schmidhuber 1997) with a forget gate (Gers et al. 2000).

    ``c' = f * c + i * g`` and ``h' = o * tanh(c')`` with gates ``i, f, o =
    sigmoid(W x + U h + b)`` and candidate ``g = tanh(W_g x + U_g h + b_g)``; ``x`` are
    the inputs of RL^2 (Duan et al. 2016).
    """

    idea: ClassVar[str] = (
        "Its cells keep what its gates let in until they let it go: weights are fixed "
        "in a life, and learning is what the cells hold."
    )
    reads_reward: ClassVar[bool] = True

    hidden: Annotated[int, Ge(1)] = 32
    """Recurrent units, and as many cells."""
    forget_bias: float = 1.0
    """Where the forget gate's bias starts: the larger, the longer it remembers."""
    sample: bool = False
    """Draw choices from a softmax instead of taking the largest."""

    def init_genome(self, key: Key) -> Genome:
        """Draw the three layers; the forget gate starts as its bias says."""
        a, b, c = jax.random.split(key, 3)
        n = self.hidden
        senses = linear(a, sense_size(self.spec), 4 * n)
        bias = jnp.repeat(jnp.array([0.0, self.forget_bias, 0.0, 0.0], jnp.float32), n)
        return Genome(
            senses._replace(bias=bias),
            linear(b, n, 4 * n).weight,
            linear(c, n, output_size(self.spec.action_space)),
        )

    def init_state(self, genome: Genome, key: Key) -> State:
        """Empty cells."""
        empty = jnp.zeros(self.hidden, jnp.float32)
        return State(empty, empty, no_action(self.spec))

    def step(
        self, genome: Genome, state: State, timestep: TimeStep, key: Key
    ) -> tuple[State, Action]:
        """Sense, update the cells, act from what they let out."""
        n = self.hidden
        sums = genome.senses(sense(timestep, state.last_action))
        sums = sums + state.hidden @ genome.memory
        gates = jax.nn.sigmoid(sums[: 3 * n])
        candidate = jnp.tanh(sums[3 * n :])
        cell = gates[n : 2 * n] * state.cell + gates[:n] * candidate
        hidden = gates[2 * n :] * jnp.tanh(cell)
        space = self.spec.action_space
        action = act(space, genome.readout(hidden), key, self.sample)
        return State(cell, hidden, features(space, action)), action
