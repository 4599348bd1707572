"""From outputs to actions and back, and the layers that give them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.base import Discrete, Spec, TimeStep
from evolife.keys import root_key
from evolife.parts import act, choose, features, linear, output_size, sense, sense_size
from tests.agent_tools import CONTROL

pytestmark = pytest.mark.fast

KEY = root_key(17)


@pytest.mark.parametrize("size", [1, 2, 5, 16, 17, 40])
def test_the_largest_is_chosen_and_the_first_of_equals(size):
    scores = np.random.default_rng(size).normal(size=(50, size)).round(1)
    scores = np.concatenate([scores, np.zeros((1, size)), np.full((1, size), -np.inf)])
    chosen = jax.jit(jax.vmap(choose))(jnp.asarray(scores, jnp.float32))
    assert chosen.dtype == jnp.int32
    np.testing.assert_array_equal(chosen, scores.argmax(axis=1))


def test_sampled_choices_follow_the_softmax():
    """Bounds are 5 sigma of 40,000 draws."""
    outputs = jnp.array([0.5, -1.0, 2.0])
    draw = jax.vmap(lambda key: act(Discrete(3), outputs, key, sample=True))
    picks = np.asarray(draw(jax.random.split(KEY, 40_000)))
    chances = np.asarray(jax.nn.softmax(outputs))
    found = np.bincount(picks, minlength=3) / 40_000
    reach = 5 * np.sqrt(chances * (1 - chances) / 40_000)
    assert (np.abs(found - chances) < reach).all()
    assert int(act(Discrete(3), outputs, KEY)) == 2


def test_actions_and_their_features_are_inverse_to_each_other():
    outputs = jnp.asarray(np.random.default_rng(0).normal(0, 3, 5), jnp.float32)
    action = act(CONTROL, outputs, KEY)
    encoded = np.asarray(features(CONTROL, action))
    np.testing.assert_array_equal(encoded[:3], np.eye(3)[int(action[0])])
    np.testing.assert_allclose(encoded[3:], np.tanh(outputs[3:]), atol=1e-5)
    assert output_size(CONTROL) == 5 and sense_size(Spec(4, CONTROL)) == 11
    steps = TimeStep(jnp.arange(4.0), jnp.float32(7), jnp.ones((), bool))
    sensed = sense(steps, jnp.arange(5.0))
    np.testing.assert_array_equal(sensed, [0, 1, 2, 3, 0, 1, 2, 3, 4, 7, 1])


def test_linear_layers_start_with_the_variance_they_state():
    layer = linear(KEY, 400, 300, 0.5)
    weight = np.asarray(layer.weight)
    assert weight.std() == pytest.approx(0.5 / np.sqrt(400), rel=0.02)
    assert (layer.bias == 0).all() and weight.shape == (400, 300)
    x = jnp.ones((7, 400))
    np.testing.assert_allclose(layer(x)[0], layer(x[0]), rtol=1e-5, atol=1e-5)
