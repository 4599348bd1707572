"""The clockwork: which modules tick, and what they compute."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.agents.clockwork import Clockwork, due, largest, tick
from tests.agent_tools import (
    KEY,
    SPEC,
    affine,
    close,
    genome_like,
    live,
    time_steps,
    wide,
)


def test_the_modules_due_are_those_whose_period_divides_the_clock():
    for clock in range(70):
        found = int(due(jnp.int32(clock), 5))
        periods = [1, 2, 4, 8, 16]
        assert periods[:found] == [p for p in periods if clock % p == 0]


def test_a_clockwork_is_a_masked_network_whose_rows_tick():
    """Koutnik et al. 2014, as one block-triangular matrix, in float64."""
    agent = Clockwork(SPEC, 8, 4)
    genome = genome_like(agent.init_genome(KEY), 6)
    inputs, n, width = 3 + 2 + 2, 8, 2
    dense, bias = np.zeros((inputs + n, n)), np.zeros(n)
    for i, layer in enumerate(wide(genome.modules)):
        mine = slice(i * width, (i + 1) * width)
        dense[:inputs, mine] = layer.weight[:inputs]
        dense[inputs + i * width :, mine] = layer.weight[inputs:]
        bias[mine] = layer.bias
    recurrent = dense[inputs:].reshape(4, width, 4, width)
    assert all(not recurrent[j, :, i].any() for i in range(4) for j in range(i))
    h = np.zeros(n)
    for t, (state, x, action) in enumerate(live(agent, genome, 40)):
        full = np.tanh(np.concatenate([x, h]) @ dense + bias)
        h = np.where(np.repeat(t % 2 ** np.arange(4) == 0, width), full, h)
        close(state.hidden, h)
        close(action, np.tanh(affine(wide(genome.readout), h)))


def test_a_module_changes_at_multiples_of_its_period_and_at_no_other_step():
    agent = Clockwork(SPEC, 12, 4)
    genome = genome_like(agent.init_genome(KEY), 7)
    before = np.zeros((4, 3))
    for t, (state, _, _) in enumerate(live(agent, genome, 33)):
        now = np.asarray(state.hidden).reshape(4, 3)
        changed = (now != before).any(axis=1)
        assert changed.tolist() == [t % 2**i == 0 for i in range(4)]
        assert int(state.clock) == (t + 1) % 8
        before = now


def test_lanes_that_tick_apart_each_keep_their_own_time():
    genome = Clockwork(SPEC, 6, 3).init_genome(KEY)
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, 3, 7)), jnp.float32)
    hidden = jnp.asarray(rng.normal(size=(2, 3, 6)), jnp.float32)
    counts = jnp.array([[1, 3, 2], [1, 1, 2]])

    def alone(x, hidden, count):
        return tick(genome.modules, x, hidden, count)

    many = jax.jit(jax.vmap(jax.vmap(alone)))(x, hidden, counts)
    for i, j in np.ndindex(2, 3):
        close(many[i, j], alone(x[i, j], hidden[i, j], counts[i, j]))
        kept = 2 * int(counts[i, j])
        np.testing.assert_array_equal(many[i, j, kept:], hidden[i, j, kept:])


def test_modules_that_are_not_due_are_not_computed_in_a_batch_either():
    """Branches stay branches under two levels of vmap, with a clock for every lane."""
    agent = Clockwork(SPEC, 6, 3)
    genome = agent.init_genome(KEY)
    state = agent.init_state(genome, KEY)
    steps = time_steps(SPEC, 1)[0]
    stack = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (2, 5, *leaf.shape)),
        (genome, state, steps),
    )
    step = jax.vmap(jax.vmap(lambda *inputs: agent.step(*inputs, KEY)))
    conditionals = [
        equation
        for equation in jax.make_jaxpr(step)(*stack).jaxpr.eqns
        if equation.primitive.name == "cond"
    ]
    assert [c.invars[0].aval.shape for c in conditionals] == [()]
    products = [
        sum(e.primitive.name == "dot_general" for e in branch.jaxpr.eqns)
        for branch in conditionals[0].params["branches"]
    ]
    assert products == [1, 2, 3]


def test_the_largest_over_lanes_is_that_of_all_of_them_and_the_same_for_all():
    values = np.random.default_rng(1).integers(0, 1000, (3, 4))
    inner = jax.vmap(largest, out_axes=None)
    assert int(jax.vmap(inner, out_axes=None)(jnp.asarray(values))) == values.max()
    assert int(largest(jnp.int32(5))) == 5


def test_modules_must_share_their_units_equally():
    with pytest.raises(ValueError, match=r"hidden = 10 .* modules = 4; .* = 12$"):
        Clockwork(SPEC, 10, 4)
    assert Clockwork(SPEC, 12, 4).modules == 4
