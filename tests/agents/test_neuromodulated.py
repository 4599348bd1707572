"""Neuromodulated plasticity: traces that a signal turns into weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.agents.neuromodulated import Neuromodulated
from evolife.base import Discrete, Spec
from evolife.keys import root_key
from evolife.parts import features
from tests.agent_tools import (
    SPACES,
    affine,
    assert_near,
    encoded,
    genome_like,
    senses,
    sigmoid,
    time_steps,
    wide,
)

KEY = root_key(23)


@pytest.mark.parametrize("space", SPACES)
def test_neuromodulated_plasticity_is_backpropamine(space):
    """Miconi et al. 2019, twenty steps in float64."""
    spec, n = Spec(5, space), 6
    agent = Neuromodulated(spec, n)
    genome = genome_like(agent.init_genome(KEY), 1)
    g = wide(genome)
    state, step = agent.init_state(genome, KEY), jax.jit(agent.step)
    h, fast, trace = np.zeros(n), np.zeros((n, n)), np.zeros((n, n))
    last, eta = wide(state.last_action), sigmoid(g.rate)
    assert all((leaf == 0).all() for leaf in state)
    for sensed in time_steps(spec, 20):
        state, action = step(genome, state, sensed, KEY)
        x = affine(g.senses, senses(sensed, last))
        new = np.tanh(x + (g.recurrent + g.plasticity * fast).T @ h)
        signal = np.tanh(affine(g.modulator, new))[0]
        fast = np.clip(fast + signal * trace, -1, 1)
        trace = (1 - eta) * trace + eta * np.multiply.outer(h, new)
        h, last = new, encoded(space, affine(g.readout, new))
        assert_near(state, (h, fast, trace, last))
        assert_near(features(space, action), last)
    assert np.abs(fast).max() == 1, "no synapse reached its bound"


def test_without_a_signal_no_fast_weight_changes():
    agent = Neuromodulated(Spec(3, Discrete(2)), 5)
    genome = genome_like(agent.init_genome(KEY), 2)
    silent = jax.tree.map(jnp.zeros_like, genome.modulator)
    fast, step = jax.random.uniform(KEY, (5, 5), minval=-1.0), jax.jit(agent.step)
    for modulator, same in ((silent, True), (genome.modulator, False)):
        state = agent.init_state(genome, KEY)._replace(fast=fast)
        for sensed in time_steps(agent.spec, 6):
            gated = genome._replace(modulator=modulator)
            state, _ = step(gated, state, sensed, KEY)
        assert np.array_equal(state.fast, fast) is same


def test_a_trace_sees_only_the_two_units_of_its_synapse():
    n, k = 6, 2
    agent = Neuromodulated(Spec(3, Discrete(2)), n)
    genome = genome_like(agent.init_genome(KEY), 3)
    # Without weights between them, moving one unit moves no other.
    apart = genome._replace(
        recurrent=jnp.zeros((n, n)), plasticity=jnp.zeros((n, n)), rate=jnp.zeros(())
    )
    state = agent.init_state(apart, KEY)
    first, second = time_steps(agent.spec, 2)
    state, _ = agent.step(apart, state, first, KEY)
    plain, _ = agent.step(apart, state, second, KEY)
    earlier = state._replace(hidden=state.hidden.at[k].add(0.3))
    bias = apart.senses.bias.at[k].add(0.3)
    later = apart._replace(senses=apart.senses._replace(bias=bias))
    row, column = np.zeros((n, n), bool), np.zeros((n, n), bool)
    row[k], column[:, k] = True, True
    for moved, entries in (
        (agent.step(apart, earlier, second, KEY)[0], row),
        (agent.step(later, state, second, KEY)[0], column),
    ):
        np.testing.assert_array_equal(moved.trace != plain.trace, entries)
