"""Spiking neurons: their rates, and synapses that change by timing."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.agents.spiking import Spiking, fire
from evolife.base import Discrete, Spec
from evolife.keys import root_key
from tests.agent_tools import (
    SPACES,
    affine,
    assert_near,
    encoded,
    genome_like,
    senses,
    time_steps,
    wide,
)

KEY = root_key(23)


@pytest.mark.parametrize("current", [0.15, 0.199, 0.21, 0.3, 0.55, 0.99, 1.5])
def test_a_neuron_fires_at_the_rate_of_the_closed_form(current):
    """Voltage ``I (1 - d^k) / (1 - d)`` after k ticks; never 1 if ``I <= 1 - d``."""
    decay, ticks = 0.8, 400

    def tick(voltage, _):
        return fire(voltage, jnp.float32(current), decay)

    _, spikes = jax.lax.scan(tick, jnp.zeros(()), length=ticks)
    found = np.flatnonzero(spikes) + 1
    if current <= 1 - decay:
        assert not len(found)
        return
    period = max(math.ceil(math.log(1 - (1 - decay) / current) / math.log(decay)), 1)
    np.testing.assert_array_equal(found, np.arange(period, ticks + 1, period))


def isolated(currents: list[float], **settings: Any) -> tuple[Spiking, Any]:
    """Neurons without synapses, each driven by a constant current of its own."""
    agent = Spiking(Spec(1, Discrete(2)), len(currents), **settings)
    genome = jax.tree.map(jnp.zeros_like, agent.init_genome(KEY))
    bias = jnp.array(currents, jnp.float32)
    return agent, genome._replace(senses=genome.senses._replace(bias=bias))


def test_before_and_then_after_strengthens_and_the_reverse_weakens():
    """A pair of spikes k ticks apart: ``M A+ d^k`` one way, ``-M A- d^k`` the other."""
    agent, genome = isolated([0.6, 0.28], substeps=6, decay=0.8, fading=0.9)
    genome = genome._replace(
        plus=jnp.array([0.3, 0.2]),
        minus=jnp.array([0.05, 0.1]),
        modulator=genome.modulator._replace(bias=jnp.array([0.7])),
    )
    # Neuron 0 fires at ticks 2, 4 and 6; neuron 1 at tick 6.
    sensed = time_steps(agent.spec, 1)[0]
    state, _ = agent.step(genome, agent.init_state(genome, KEY), sensed, KEY)
    d, signal = 0.9, math.tanh(0.7)
    forth = signal * 0.2 * (d**4 + d**2)
    back = -signal * 0.05 * (d**4 + d**2)
    itself = signal * (0.3 - 0.05) * (d**2 + (d**2 + d**4))
    np.testing.assert_allclose(state.synapses, [[itself, forth], [back, 0]], atol=1e-6)
    np.testing.assert_allclose(state.trace, [d**4 + d**2 + 1, 1], rtol=1e-6)


def test_without_a_third_factor_no_synapse_changes():
    agent, genome = isolated([0.6, 0.28], substeps=6)
    genome = genome._replace(plus=jnp.ones(2), minus=jnp.ones(2))
    state = agent.init_state(genome, KEY)
    for sensed in time_steps(agent.spec, 3):
        state, _ = agent.step(genome, state, sensed, KEY)
    assert (state.eligible != 0).any() and (state.synapses == 0).all()


def test_timing_changes_only_the_synapses_of_the_neuron_that_spiked():
    currents, k = [0.6, 0.28, 0.4, 0.9, 0.3], 2

    def eligible(currents):
        agent, genome = isolated(currents, substeps=8)
        genome = genome._replace(plus=jnp.full(5, 0.3), minus=jnp.full(5, 0.2))
        state = agent.init_state(genome, KEY)
        sensed = time_steps(agent.spec, 1)[0]
        return np.asarray(agent.step(genome, state, sensed, KEY)[0].eligible)

    moved = eligible([*currents[:k], 0.25, *currents[k + 1 :]]) != eligible(currents)
    touched = np.zeros((5, 5), bool)
    touched[k], touched[:, k] = True, True
    np.testing.assert_array_equal(moved, touched)


@pytest.mark.parametrize("space", SPACES)
def test_a_spiking_network_follows_its_equations(space):
    """Ten steps of four ticks in float64."""
    spec, n = Spec(5, space), 8
    agent = Spiking(spec, n)
    genome = genome_like(agent.init_genome(KEY), 4, 0.7)
    g = wide(genome)
    state, step = agent.init_state(genome, KEY), jax.jit(agent.step)
    v, s, trace, last = np.zeros(n), np.zeros(n), np.zeros(n), wide(state.last_action)
    w, eligible = np.clip(g.synapses, -1, 1), np.zeros((n, n))
    assert_near(state, (v, s, trace, w, eligible, last))
    for sensed in time_steps(spec, 10):
        state, _ = step(genome, state, sensed, KEY)
        drive, eligible = affine(g.senses, senses(sensed, last)), 0.8 * eligible
        for _ in range(4):
            v = 0.8 * v + drive + w.T @ s
            s = (v >= 1).astype(float)
            v[s == 1] = 0
            for a in range(n):
                for b in range(n):
                    eligible[a, b] += g.plus[b] * 0.9 * trace[a] * s[b]
                    eligible[a, b] -= g.minus[b] * s[a] * 0.9 * trace[b]
            trace = 0.9 * trace + s
        rates = 0.1 * trace
        signal = np.tanh(affine(g.modulator, np.append(rates, sensed.reward)))
        w = np.clip(w + signal * eligible, -1, 1)
        last = encoded(space, affine(g.readout, rates))
        assert_near(state, (v, s, trace, w, eligible, last))
    assert (np.abs(w) == 1).any() and (np.abs(w) < 1).any()
