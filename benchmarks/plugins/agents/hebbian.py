"""Recurrent network whose every synapse changes at every step (a benchmark)."""

import dataclasses
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge

from evolife.base import Action, Agent, Array, Key, TimeStep
from evolife.parts.actions import act, output_size
from evolife.parts.linear import Linear, linear


class Genome(NamedTuple):
    """Weights into and out of the plastic part, and its learning rates."""

    senses: Linear
    rates: Array
    readout: Linear


class State(NamedTuple):
    """What a life changes: a whole matrix."""

    hidden: Array
    synapses: Array


@dataclasses.dataclass(frozen=True)
class Hebbian(Agent):
    """``h' = tanh(W_in x + S h)``, then ``S' = 0.95 S + rates * h h'^T``.

    The rates are evolved, one a synapse, so that a member touches two matrices of
    ``hidden x hidden`` numbers at each step and shares neither with the others.
    """

    idea: ClassVar[str] = "Synapses grow where activities before and after agree."
    reads_reward: ClassVar[bool] = True

    hidden: Annotated[int, Ge(1)] = 64
    """Plastic units."""

    def init_genome(self, key: Key) -> Genome:
        """Draw the layers; learning rates are small and of both signs."""
        a, b, c = jax.random.split(key, 3)
        n = self.hidden
        return Genome(
            linear(a, self.spec.observation_size, n),
            0.01 * jax.random.normal(b, (n, n)),
            linear(c, n, output_size(self.spec.action_space)),
        )

    def init_state(self, genome: Genome, key: Key) -> State:
        """No activity and no synapses."""
        n = self.hidden
        return State(jnp.zeros(n, jnp.float32), jnp.zeros((n, n), jnp.float32))

    def step(
        self, genome: Genome, state: State, timestep: TimeStep, key: Key
    ) -> tuple[State, Action]:
        """Sense, grow, act."""
        before = state.hidden
        driven = genome.senses(timestep.observation)
        after = jnp.tanh(driven + before @ state.synapses)
        growth = genome.rates * jnp.outer(before, after)
        synapses = 0.95 * state.synapses + growth
        action = act(self.spec.action_space, genome.readout(after), key, False)
        return State(after, synapses), action
