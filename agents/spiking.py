"""Spiking network whose synapses learn from the timing of spikes, gated by reward."""

import dataclasses
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt, Le, Lt

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

THRESHOLD = 1.0


def fire(voltage: Array, current: Array, decay: float) -> tuple[Array, Array]:
    """One tick of leaky integrate-and-fire neurons: voltages and spikes, ``(n,)`` each.

    ``v' = decay v + I``; at the threshold a neuron spikes and falls back to 0. Under a
    constant current it spikes every k ticks, with k the first for which
    ``I (1 - decay^k) / (1 - decay)`` reaches the threshold (Gerstner & Kistler 2002).
    """
    charged = decay * voltage + current
    spikes = (charged >= THRESHOLD).astype(jnp.float32)
    return charged * (1.0 - spikes), spikes


def timing(faded: Array, spikes: Array, plus: Array, minus: Array) -> Array:
    """Spike-timing-dependent change of ``(n, n)`` synapses in one tick.

    ``plus_b trace_a spike_b - minus_b spike_a trace_b`` for the synapse from a to b:
    before and then after strengthens, after and then before weakens (Song et al. 2000).
    ``faded`` are traces of earlier spikes, so that spikes of one tick do not pair.
    """
    return jnp.outer(faded, plus * spikes) - jnp.outer(spikes, minus * faded)


class Genome(NamedTuple):
    """Weights in and out, synapses at birth, and how strongly timing counts."""

    senses: Linear
    synapses: Array
    """``(hidden, hidden)`` at birth, from the row's neuron to the column's."""
    plus: Array
    """``(hidden,)`` gain of synapses onto a neuron that spikes after its input."""
    minus: Array
    """``(hidden,)`` loss of synapses onto a neuron that spiked before its input."""
    modulator: Linear
    readout: Linear


class State(NamedTuple):
    """What a life changes."""

    voltage: Array
    spikes: Array
    trace: Array
    """``(hidden,)`` spikes of late, fading from tick to tick."""
    synapses: Array
    eligible: Array
    """``(hidden, hidden)`` changes that wait for the third factor."""
    last_action: Array


@dataclasses.dataclass(frozen=True)
class Spiking(Agent):
    """Leaky integrate-and-fire neurons with three-factor plasticity.

    Each step lasts ``substeps`` ticks, in which spikes travel and their timing becomes
    eligible: ``e' = memory e + sum of STDP``. Then ``w' = clip(w + M e)``, where the
    third factor ``M = tanh(m [rates, reward])`` arrives once a step (Fremaux & Gerstner
    2016). Actions are read from the rates, ``(1 - fading) trace``.
    """

    idea: ClassVar[str] = (
        "A synapse notes whether its spikes came before or after those of its target, "
        "and a signal read from rewards and rates turns the note into a change."
    )
    reads_reward: ClassVar[bool] = True

    hidden: Annotated[int, Ge(1)] = 32
    """Spiking neurons."""
    substeps: Annotated[int, Ge(1), Le(64)] = 4
    """Ticks of the neurons in one step of the environment."""
    decay: Annotated[float, Ge(0), Lt(1)] = 0.8
    """What is left of a voltage after a tick."""
    fading: Annotated[float, Ge(0), Lt(1)] = 0.9
    """What is left of a spike's trace after a tick."""
    memory: Annotated[float, Ge(0), Lt(1)] = 0.8
    """What is left of an eligible change after a step."""
    bound: Annotated[float, Gt(0)] = 1.0
    """Largest size of a synapse; a spike needs 1."""
    sample: bool = False
    """Draw choices from a softmax instead of taking the largest."""

    def init_genome(self, key: Key) -> Genome:
        """Draw the layers; gain and loss by timing start small and equal."""
        a, b, c, d = jax.random.split(key, 4)
        n = self.hidden
        small = jnp.full(n, 0.05, jnp.float32)
        return Genome(
            linear(a, sense_size(self.spec), n),
            linear(b, n, n).weight,
            small,
            small,
            linear(c, n + 1, 1),
            linear(d, n, output_size(self.spec.action_space)),
        )

    def init_state(self, genome: Genome, key: Key) -> State:
        """At rest, with the synapses that evolution gave."""
        rest = jnp.zeros(self.hidden, jnp.float32)
        synapses = jnp.clip(genome.synapses, -self.bound, self.bound)
        none = jnp.zeros_like(synapses)
        return State(rest, rest, rest, synapses, none, no_action(self.spec))

    def step(
        self, genome: Genome, state: State, timestep: TimeStep, key: Key
    ) -> tuple[State, Action]:
        """Sense, spike for some ticks, learn, act."""
        driven = genome.senses(sense(timestep, state.last_action))
        voltage, spikes, trace, synapses = state[:4]
        eligible = self.memory * state.eligible
        for _ in range(self.substeps):
            voltage, spikes = fire(voltage, driven + spikes @ synapses, self.decay)
            faded = self.fading * trace
            eligible = eligible + timing(faded, spikes, genome.plus, genome.minus)
            trace = faded + spikes
        rates = (1 - self.fading) * trace
        signal = jnp.tanh(genome.modulator(jnp.append(rates, timestep.reward)))
        synapses = jnp.clip(synapses + signal * eligible, -self.bound, self.bound)
        space = self.spec.action_space
        action = act(space, genome.readout(rates), key, self.sample)
        done = features(space, action)
        return State(voltage, spikes, trace, synapses, eligible, done), action
