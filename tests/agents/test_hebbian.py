"""Growth by local rules from weights that no genome knows."""

import jax.numpy as jnp
import numpy as np
import pytest

from evolife.agents.hebbian import Hebbian, Rule, grow
from evolife.base import Continuous, Discrete, Spec
from evolife.keys import root_key
from evolife.parts import output_size
from tests.agent_tools import KEY, SPACES, close, genome_like, live, wide


def test_a_step_of_growth_computed_by_hand():
    """Najarro & Risi 2020, synapse by synapse."""
    rng = np.random.default_rng(6)
    weights, *rules = rng.uniform(-1, 1, (6, 3, 2))
    o_i, o_j = rng.uniform(-1, 1, 3), rng.uniform(-1, 1, 2)
    a, b, c, d, eta = rules
    wanted = np.zeros((3, 2))
    for i, j in np.ndindex(3, 2):
        hebb = a[i, j] * o_i[i] * o_j[j] + b[i, j] * o_i[i] + c[i, j] * o_j[j] + d[i, j]
        wanted[i, j] = np.clip(weights[i, j] + eta[i, j] * hebb, -0.9, 0.9)
    narrow = [jnp.asarray(x, jnp.float32) for x in (weights, *rules, o_i, o_j)]
    found = grow(narrow[0], Rule(*narrow[1:6]), *narrow[6:], 0.9)
    close(found, wanted)
    assert 0 < (np.abs(wanted) == 0.9).sum() < 6


def test_a_synapse_knows_only_its_two_ends():
    rng = np.random.default_rng(7)
    weights, *rules = jnp.asarray(rng.uniform(-0.2, 0.2, (6, 4, 5)), jnp.float32)
    law = Rule(*rules)
    before, after = (jnp.asarray(rng.uniform(-1, 1, size)) for size in (4, 5))
    grown = grow(weights, law, before, after, 1.0)
    for i in range(4):
        other = grow(weights, law, before.at[i].set(0.77), after, 1.0)
        np.testing.assert_array_equal((other != grown).any(axis=1), np.arange(4) == i)
    for j in range(5):
        other = grow(weights, law, before, after.at[j].set(0.77), 1.0)
        np.testing.assert_array_equal((other != grown).any(axis=0), np.arange(5) == j)


@pytest.mark.parametrize("space", SPACES)
def test_a_hebbian_network_acts_and_then_grows(space):
    """Two layers in float64, from the weights it was born with."""
    agent = Hebbian(Spec(3, space), (4,), bound=0.8)
    genome = genome_like(agent.init_genome(KEY), 11)
    size = output_size(space)
    shapes = [(5 + size, 4), (4, size)]
    assert [[m.shape for m in law] for law in genome] == [[s] * 5 for s in shapes]
    weights = [*wide(agent.init_state(genome, KEY).weights)]
    for state, x, action in live(agent, genome, 20):
        hidden = np.tanh(x @ weights[0])
        out = hidden @ weights[1]
        if isinstance(space, Continuous):
            close(action, 2 + 4 * np.tanh(out))
        ends = ((x, hidden), (hidden, np.tanh(out)))
        for i, (law, (o_i, o_j)) in enumerate(zip(wide(genome), ends, strict=True)):
            terms = law.a * np.outer(o_i, o_j) + law.b * o_i[:, None] + law.c * o_j
            weights[i] = np.clip(weights[i] + law.eta * (terms + law.d), -0.8, 0.8)
            close(state.weights[i], weights[i])


def test_every_life_begins_with_other_weights_that_no_genome_knows():
    """Mean and variance of 12,000 uniform draws, within 5 sigma."""
    agent = Hebbian(Spec(193, Discrete(5)), (60,), newborn=0.3)
    one, other = (genome_like(agent.init_genome(KEY), seed) for seed in (1, 2))
    first, second = (agent.init_state(one, root_key(seed)).weights for seed in (1, 2))
    again = agent.init_state(other, root_key(1)).weights
    for x, y, z in zip(first, second, again, strict=True):
        assert (x != y).all()
        np.testing.assert_array_equal(x, z)
    drawn = np.asarray(first[0], np.float64)
    assert drawn.size == 12_000 and np.abs(drawn).max() <= 0.3
    assert abs(drawn.mean()) < 5 * 0.3 / np.sqrt(3 * 12_000)
    # The square of a uniform number has mean 1/3 and variance 4/45.
    off = np.mean((drawn / 0.3) ** 2) - 1 / 3
    assert abs(off) < 5 * np.sqrt(4 / 45 / 12_000)
