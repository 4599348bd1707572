"""What tests of single agents share: inputs, and their arithmetic in float64."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from evolife.base import Both, Continuous, Discrete, Spec, TimeStep
from evolife.keys import root_key
from evolife.parts import features, output_size

KEY = root_key(29)
CONTROL = Both(Discrete(3), Continuous(2, -2.0, 6.0))
SPACES = [Discrete(4), Continuous(3, -2.0, 6.0), CONTROL]
SPEC = Spec(3, Continuous(2))


def genome_like(genome: Any, seed: int, scale: float = 0.5) -> Any:
    """Normal numbers in the shapes of ``genome``."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: jnp.asarray(rng.normal(0, scale, leaf.shape), jnp.float32), genome
    )


def time_steps(spec: Spec, count: int) -> list[TimeStep]:
    rng = np.random.default_rng(count)
    return [
        TimeStep(
            jnp.asarray(rng.normal(size=spec.observation_size), jnp.float32),
            jnp.float32(rng.normal()),
            jnp.asarray(rng.random() < 0.3),
        )
        for _ in range(count)
    ]


def wide(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def affine(layer: Any, x: np.ndarray) -> np.ndarray:
    return x @ layer.weight + layer.bias


def heard(sensed: TimeStep) -> np.ndarray:
    return np.array([sensed.reward, sensed.first], np.float64)


def senses(sensed: TimeStep, last: np.ndarray) -> np.ndarray:
    """Inputs in float64, as RL^2 lists them."""
    return np.concatenate([wide(sensed.observation), last, heard(sensed)])


def encoded(space: Any, out: np.ndarray) -> np.ndarray:
    """Features of the action that the largest of ``out``, or their tanh, stand for."""
    if isinstance(space, Both):
        cut = space.discrete.size
        return np.append(encoded(space.discrete, out[:cut]), np.tanh(out[cut:]))
    if isinstance(space, Continuous):
        return np.tanh(out)
    return np.eye(space.size)[np.argmax(out)]


def close(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-5)


def assert_near(found: Any, wanted: Any) -> None:
    for a, b in zip(*map(jax.tree.leaves, (found, wanted)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)


def live(agent: Any, genome: Any, count: int) -> list[tuple[Any, np.ndarray, Any]]:
    """Each step's state, float64 inputs and action, from birth."""
    state, step = agent.init_state(genome, KEY), jax.jit(agent.step)
    space = agent.spec.action_space
    last = np.zeros(output_size(space))
    rows = []
    for steps in time_steps(agent.spec, count):
        x = senses(steps, last)
        state, action = step(genome, state, steps, KEY)
        last = np.asarray(features(space, action), np.float64)
        np.testing.assert_allclose(state.last_action, last, atol=1e-6)
        rows.append((state, x, action))
    return rows
