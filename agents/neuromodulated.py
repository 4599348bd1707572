"""Recurrent network that rewires itself whenever its own signal says so."""

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

_SLOW = -2.2


class Genome(NamedTuple):
    """Fixed weights, how plastic each synapse is, and what opens the gate."""

    senses: Linear
    recurrent: Array
    """``(hidden, hidden)`` fixed weights U, from the row's unit to the column's."""
    plasticity: Array
    """``(hidden, hidden)`` weights alpha of the fast synapses, of either sign."""
    rate: Array
    """``()`` logit of the share eta of the newest activity in the traces."""
    modulator: Linear
    readout: Linear


class State(NamedTuple):
    """What a life changes."""

    hidden: Array
    fast: Array
    """``(hidden, hidden)`` fast synapses H within [-1, 1]."""
    trace: Array
    """``(hidden, hidden)`` eligibility traces E: which synapses were active lately."""
    last_action: Array


@dataclasses.dataclass(frozen=True)
class Neuromodulated(Agent):
    """Backpropamine with retroactive modulation (Miconi et al. 2019).

    ``h' = tanh(W x + h (U + alpha * H))`` with fast synapses ``H' = clip(H + M E, -1,
    1)``, gated by the network's own signal ``M = tanh(m h')``, and eligibility traces
    ``E' = (1 - eta) E + eta outer(h, h')``. Rows are units before a synapse and columns
    units after it.
    """

    idea: ClassVar[str] = (
        "Synapses remember which units fired together, and a signal that the network "
        "itself computes decides when that memory is written into fast weights."
    )
    reads_reward: ClassVar[bool] = True

    hidden: Annotated[int, Ge(1)] = 32
    """Recurrent units."""
    sample: bool = False
    """Draw choices from a softmax instead of taking the largest."""

    def init_genome(self, key: Key) -> Genome:
        """Draw the layers; synapses start little plastic, traces a tenth open."""
        a, b, c, d, e = jax.random.split(key, 5)
        n = self.hidden
        return Genome(
            linear(a, sense_size(self.spec), n),
            linear(b, n, n).weight,
            linear(c, n, n, 0.1).weight,
            jnp.full((), _SLOW, jnp.float32),
            linear(d, n, 1),
            linear(e, n, output_size(self.spec.action_space)),
        )

    def init_state(self, genome: Genome, key: Key) -> State:
        """No activity, no fast weights, nothing eligible."""
        n = self.hidden
        none = jnp.zeros((n, n), jnp.float32)
        return State(jnp.zeros(n, jnp.float32), none, none, no_action(self.spec))

    def step(
        self, genome: Genome, state: State, timestep: TimeStep, key: Key
    ) -> tuple[State, Action]:
        """Sense, act, and write what was eligible before this step."""
        before = state.hidden
        driven = genome.senses(sense(timestep, state.last_action))
        fast = before @ (genome.plasticity * state.fast)
        hidden = jnp.tanh(driven + before @ genome.recurrent + fast)
        signal = jnp.tanh(genome.modulator(hidden))
        rate = jax.nn.sigmoid(genome.rate)
        written = jnp.clip(state.fast + signal * state.trace, -1.0, 1.0)
        trace = state.trace + rate * (jnp.outer(before, hidden) - state.trace)
        space = self.spec.action_space
        action = act(space, genome.readout(hidden), key, self.sample)
        return State(hidden, written, trace, features(space, action)), action
