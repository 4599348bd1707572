"""The gated recurrent unit of the textbook, step by step."""

from typing import Any

import jax
import numpy as np
import pytest

from evolife.agents.gru import Gru
from evolife.base import Both, Continuous, Discrete, Spec
from evolife.keys import root_key
from evolife.parts import features, output_size
from tests.agent_tools import SPACES, genome_like, sigmoid, time_steps

KEY = root_key(17)


@pytest.mark.parametrize("space", SPACES)
def test_a_gru_is_the_one_of_the_textbook(space):
    """Cho et al. 2014, gate by gate, in float64."""
    spec, n = Spec(5, space), 6
    agent = Gru(spec, n)
    genome = genome_like(agent.init_genome(KEY), 4)
    wide = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), genome)
    (w_r, w_z, w_n), (b_r, b_z, b_n) = (
        np.split(part, 3, axis=-1) for part in wide.senses
    )
    (u_r, u_z, u_n), (c_r, c_z, c_n) = (
        np.split(part, 3, axis=-1) for part in wide.memory
    )
    state, step = agent.init_state(genome, KEY), jax.jit(agent.step)
    h, last = np.zeros(n), np.zeros(output_size(space))
    assert (state.hidden == 0).all() and (state.last_action == 0).all()
    for sensed in time_steps(spec, 12):
        state, action = step(genome, state, sensed, KEY)
        scalars = [float(sensed.reward), float(sensed.first)]
        x = np.concatenate([sensed.observation, last, scalars])
        r = sigmoid(x @ w_r + b_r + h @ u_r + c_r)
        z = sigmoid(x @ w_z + b_z + h @ u_z + c_z)
        candidate = np.tanh(x @ w_n + b_n + r * (h @ u_n + c_n))
        h = (1 - z) * candidate + z * h
        out = h @ wide.readout.weight + wide.readout.bias
        np.testing.assert_allclose(state.hidden, h, rtol=1e-4, atol=1e-5)
        choice, numbers = decode(space, out)
        chosen, moved = parts(space, action)
        assert chosen == choice
        np.testing.assert_allclose(moved, numbers, rtol=1e-4, atol=1e-4)
        last = np.asarray(features(space, action), np.float64)
        assert np.abs(last).max() <= 1
        np.testing.assert_allclose(state.last_action, last, atol=1e-6)


def decode(space: Any, out: np.ndarray) -> tuple[Any, Any]:
    """The choice and the numbers that ``out`` asks for."""
    if isinstance(space, Discrete):
        return int(np.argmax(out)), []
    if isinstance(space, Continuous):
        reach = (space.high - space.low) / 2
        return None, (space.low + space.high) / 2 + reach * np.tanh(out)
    cut = space.discrete.size
    return decode(space.discrete, out[:cut])[0], decode(space.continuous, out[cut:])[1]


def parts(space: Any, action: Any) -> tuple[Any, Any]:
    if isinstance(space, Both):
        return int(action[0]), action[1]
    return (int(action), []) if isinstance(space, Discrete) else (None, action)
