"""Long short-term memory: the textbook's, and flax's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.agents.lstm import Lstm
from evolife.base import Continuous, Spec
from tests.agent_tools import (
    KEY,
    SPACES,
    SPEC,
    affine,
    close,
    genome_like,
    live,
    sigmoid,
    time_steps,
    wide,
)


@pytest.mark.parametrize("space", SPACES)
def test_an_lstm_is_the_one_of_the_textbook(space):
    """Hochreiter & Schmidhuber 1997 with the gate of Gers et al. 2000, in float64."""
    agent = Lstm(Spec(5, space), 6)
    genome = genome_like(agent.init_genome(KEY), 4)
    w_i, w_f, w_o, w_g = np.split(wide(genome.senses.weight), 4, axis=1)
    b_i, b_f, b_o, b_g = np.split(wide(genome.senses.bias), 4)
    u_i, u_f, u_o, u_g = np.split(wide(genome.memory), 4, axis=1)
    h = c = np.zeros(6)
    for state, x, action in live(agent, genome, 12):
        i = sigmoid(x @ w_i + h @ u_i + b_i)
        f = sigmoid(x @ w_f + h @ u_f + b_f)
        o = sigmoid(x @ w_o + h @ u_o + b_o)
        c = f * c + i * np.tanh(x @ w_g + h @ u_g + b_g)
        h = o * np.tanh(c)
        close(state.cell, c)
        close(state.hidden, h)
        if isinstance(space, Continuous):
            close(action, 2 + 4 * np.tanh(affine(wide(genome.readout), h)))


def test_an_lstm_is_the_one_of_flax():
    nn = pytest.importorskip("flax.linen")
    agent = Lstm(SPEC, 7)
    genome = genome_like(agent.init_genome(KEY), 5)
    kernels = np.split(genome.senses.weight, 4, axis=1)
    recurrent = np.split(genome.memory, 4, axis=1)
    biases = np.split(genome.senses.bias, 4)
    named = {}
    for gate, w, u, b in zip("ifog", kernels, recurrent, biases, strict=True):
        named[f"i{gate}"] = {"kernel": w}
        named[f"h{gate}"] = {"kernel": u, "bias": b}
    carry = (jnp.zeros(7), jnp.zeros(7))
    for state, x, _ in live(agent, genome, 12):
        inputs = jnp.asarray(x, jnp.float32)
        carry, _ = nn.LSTMCell(7).apply({"params": named}, carry, inputs)
        close(state.cell, carry[0])
        close(state.hidden, carry[1])


def test_a_cell_forgets_at_the_rate_of_its_forget_gate():
    agent = Lstm(SPEC, 2, forget_bias=1.5)
    born = agent.init_genome(KEY)
    np.testing.assert_array_equal(
        born.senses.bias, np.float32([0, 0, 1.5, 1.5, 0, 0, 0, 0])
    )
    genome = jax.tree.map(jnp.zeros_like, born)
    genome = genome._replace(senses=genome.senses._replace(bias=born.senses.bias))
    state = agent.init_state(genome, KEY)._replace(cell=jnp.array([1.0, -3.0]))
    for steps in time_steps(SPEC, 9):
        state, _ = agent.step(genome, state, steps, KEY)
    close(state.cell, sigmoid(1.5) ** 9 * np.array([1.0, -3.0]))
