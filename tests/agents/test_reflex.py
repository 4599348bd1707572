"""A reflex is a multilayer perceptron and nothing more."""

import jax
import numpy as np
import pytest

from evolife.agents.reflex import Reflex
from evolife.base import Continuous, Spec
from evolife.keys import root_key
from tests.agent_tools import genome_like, time_steps

KEY = root_key(17)


@pytest.mark.parametrize(
    ("activation", "formula"),
    [
        ("clip", lambda x: np.clip(x, -1, 1)),
        ("tanh", np.tanh),
        ("relu", lambda x: np.maximum(x, 0)),
    ],
)
def test_a_reflex_is_a_multilayer_perceptron(activation, formula):
    agent = Reflex(Spec(4, Continuous(2)), (5, 3), activation)
    genome = genome_like(agent.init_genome(KEY), 5)
    assert [layer.weight.shape for layer in genome] == [(4, 5), (5, 3), (3, 2)]
    step = jax.jit(agent.step)
    for sensed in time_steps(agent.spec, 6):
        x = np.asarray(sensed.observation, np.float64)
        for layer in genome[:-1]:
            x = formula(x @ np.asarray(layer.weight, np.float64) + layer.bias)
        x = np.tanh(x @ np.asarray(genome[-1].weight, np.float64) + genome[-1].bias)
        _, action = step(genome, (), sensed, KEY)
        np.testing.assert_allclose(action, x, rtol=1e-4, atol=1e-5)
