"""The actor-critic that learns by gradients within its life."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.agents.backprop_learner import BackpropLearner, draw
from evolife.base import Both, Continuous, Discrete, Spec, TimeStep
from evolife.keys import root_key
from evolife.parts import features
from tests.agent_tools import (
    CONTROL,
    SPACES,
    affine,
    assert_near,
    genome_like,
    senses,
    time_steps,
    wide,
)

KEY = root_key(23)


def log_density(space: Any, out: np.ndarray, sample: np.ndarray) -> float:
    if isinstance(space, Both):
        cut = space.discrete.size
        choice = log_density(space.discrete, out[:cut], sample[:cut])
        return choice + log_density(space.continuous, out[cut:], sample[cut:])
    if isinstance(space, Discrete):
        return float(np.log(np.exp(out)[sample == 1] / np.exp(out).sum())[0])
    mean, raw = np.split(out, 2)
    spread = np.exp(2 * np.tanh(raw / 2) - 1)
    chance = np.exp(-(((sample - mean) / spread) ** 2) / 2) / spread
    return float(np.log(chance / np.sqrt(2 * np.pi)).sum())


def forward(weights: Any, x: np.ndarray) -> tuple[np.ndarray, float]:
    hidden = np.tanh(affine(weights.senses, x))
    return affine(weights.policy, hidden), affine(weights.value, hidden)[0]


def differences(weights: Any, space: Any, x: np.ndarray, sample: np.ndarray) -> Any:
    """Gradient of log-density plus value by central differences, in float64."""
    leaves, treedef = jax.tree.flatten(weights)

    def merit(at: int, where: tuple, by: float) -> float:
        moved = [leaf.copy() for leaf in leaves]
        moved[at][where] += by
        out, value = forward(jax.tree.unflatten(treedef, moved), x)
        return log_density(space, out, sample) + value

    slopes = [np.zeros_like(leaf) for leaf in leaves]
    for at, slope in enumerate(slopes):
        for where in np.ndindex(slope.shape):
            rise = merit(at, where, 1e-5) - merit(at, where, -1e-5)
            slope[where] = rise / 2e-5
    return jax.tree.unflatten(treedef, slopes)


@pytest.mark.parametrize(
    ("space", "bound"), [(SPACES[0], 10.0), (SPACES[1], 10.0), (CONTROL, 0.6)]
)
def test_the_actor_critic_is_the_one_of_the_textbook(space, bound):
    """Sutton & Barto 2018, ch. 13.5-6, its gradients by central differences."""
    spec = Spec(2, space)
    agent = BackpropLearner(spec, 3, bound=bound)
    genome = genome_like(agent.init_genome(KEY), 6)
    slow = jax.tree.map(lambda x: x - 2, genome.log_steps)
    # A step size above 1 counts as 1.
    slow = slow._replace(value=slow.value._replace(bias=jnp.float32(0.3)))
    genome = genome._replace(log_steps=slow)
    state, step = agent.init_state(genome, KEY), jax.jit(agent.step)
    weights, last, value = wide(genome.weights), wide(state.last_action), 0.0
    paces = jax.tree.map(lambda x: np.exp(min(float(x), 0)), genome.log_steps)
    traces = jax.tree.map(np.zeros_like, weights)
    for i, sensed in enumerate(time_steps(spec, 7)):
        key = jax.random.fold_in(KEY, i)
        state, action = step(genome, state, sensed, key)
        x = senses(sensed, last)
        discount = 0.0 if sensed.first else 0.95
        error = float(sensed.reward) + discount * forward(weights, x)[1] - value
        error = np.clip(error, -bound, bound)
        pushed = jax.tree.map(lambda s, z, e=error: s * e * z, paces, traces)
        weights = jax.tree.map(
            lambda w, push: np.clip(w + push, -bound, bound), weights, pushed
        )
        out, value = forward(weights, x)
        drawn, sample = draw(space, jnp.asarray(out, jnp.float32), key)
        assert_near(action, drawn)
        slopes = differences(weights, space, x, wide(sample))
        traces = jax.tree.map(
            lambda z, g, kept=discount * 0.8: np.clip(kept * z + g, -bound, bound),
            traces,
            slopes,
        )
        last = wide(features(space, action))
        np.testing.assert_allclose(last, squashed(space, sample), atol=1e-5)
        assert_near(state, (weights, traces, value, last))


def squashed(space: Any, sample: Any) -> np.ndarray:
    cut = {Discrete: len(sample), Continuous: 0, Both: 3}[type(space)]
    return np.append(sample[:cut], np.tanh(sample[cut:]))


def test_a_gradient_learner_finds_the_arm_that_pays():
    """Which of two arms pays is up to the life: 64 lives of a genome never evolved."""
    agent = BackpropLearner(Spec(1, Discrete(2)), 8)
    genome, lives, steps = agent.init_genome(KEY), 64, 300

    def live(key, good, learns):
        born = agent.init_state(genome, key)

        def step(carry, t):
            state, reward = carry
            sensed = TimeStep(jnp.ones(1), reward, t == 0)
            now = state if learns else born
            state, action = agent.step(genome, now, sensed, jax.random.fold_in(key, t))
            reward = (action == good).astype(jnp.float32)
            return (state, reward), reward

        return jax.lax.scan(step, (born, jnp.float32(0)), jnp.arange(steps))[1]

    run = jax.jit(jax.vmap(live, (0, 0, None)), static_argnums=2)
    inputs = jax.random.split(KEY, lives), jnp.arange(lives) % 2
    learning, frozen = (np.asarray(run(*inputs, learns)) for learns in (True, False))
    assert learning[:, -50:].mean() > 0.9
    # Arms are balanced over lives: what does not learn earns one half, whatever it
    # prefers, within 5 standard errors of its 19,200 draws.
    assert abs(frozen.mean() - 0.5) < 5 * 0.5 / math.sqrt(lives * steps)
    assert abs(learning[:, 0].mean() - 0.5) < 5 * 0.5 / math.sqrt(lives)


def test_numbers_are_drawn_from_the_gaussian_that_is_stated():
    """Moments of 40,000 draws within 5 standard errors, choice and numbers apart."""
    outputs = jnp.array([0.5, -1.0, 1.0, 0.3, -0.2, 1.5, -2.0])
    count = 40_000
    keys = jax.random.split(KEY, count)
    action, sample = jax.vmap(lambda key: draw(CONTROL, outputs, key))(keys)
    numbers, choices = np.asarray(sample[:, 3:]), np.asarray(action[0])
    spread = np.exp(2 * np.tanh(np.array([1.5, -2.0]) / 2) - 1)
    assert (np.abs(numbers.mean(0) - [0.3, -0.2]) < 5 * spread / count**0.5).all()
    assert (np.abs(numbers.std(0) / spread - 1) < 5 / (2 * count) ** 0.5).all()
    chances = np.exp(outputs[:3]) / np.exp(outputs[:3]).sum()
    error = np.sqrt(chances * (1 - chances) / count)
    found = np.bincount(choices, minlength=3) / count
    assert (np.abs(found - chances) < 5 * error).all()
    np.testing.assert_allclose(action[1], 2 + 4 * np.tanh(numbers), atol=1e-5)
    together = np.corrcoef(np.stack([*numbers.T, choices == 2]))
    assert np.abs(together - np.eye(3)).max() < 5 / count**0.5
