"""What agents share: what they sense, a linear layer, and how they act.

Whatever only one agent needs stands in its own file.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from evolife.base import (
    Action,
    ActionSpace,
    Array,
    Both,
    Continuous,
    Discrete,
    Key,
    Spec,
    TimeStep,
)


def output_size(space: ActionSpace) -> int:
    """How many numbers an agent computes to act in ``space``."""
    if isinstance(space, Both):
        return space.discrete.size + space.continuous.size
    return space.size


def choose(scores: Array) -> Array:
    """Index of the largest of ``(n,)`` scores, the first of equals, as int32.

    A running maximum: few choices need no reduction, which CPUs are slow at.
    """
    if scores.shape[0] > 16:
        return jnp.argmax(scores).astype(jnp.int32)
    best, choice = scores[0], jnp.zeros((), jnp.int32)
    for i in range(1, scores.shape[0]):
        better = scores[i] > best
        best = jnp.where(better, scores[i], best)
        choice = jnp.where(better, i, choice)
    return choice


def act(space: ActionSpace, outputs: Array, key: Key, sample: bool = False) -> Action:
    """Turn ``(output_size,)`` numbers into an action.

    Choices take the largest number, or are drawn from their softmax if ``sample``;
    continuous actions are squashed into their range by tanh.
    """
    if isinstance(space, Both):
        cut = space.discrete.size
        return (
            act(space.discrete, outputs[:cut], key, sample),
            act(space.continuous, outputs[cut:], key, sample),
        )
    if isinstance(space, Continuous):
        middle, half = (space.low + space.high) / 2, (space.high - space.low) / 2
        return middle + half * jnp.tanh(outputs)
    if sample:
        outputs = outputs + jax.random.gumbel(key, outputs.shape)
    return choose(outputs)


def features(space: ActionSpace, action: Action) -> Array:
    """Encode an action as ``(output_size,)`` numbers within [-1, 1]."""
    if isinstance(space, Both):
        parts = (
            features(space.discrete, action[0]),
            features(space.continuous, action[1]),
        )
        return jnp.concatenate(parts)
    if isinstance(space, Discrete):
        return (jnp.arange(space.size) == action).astype(jnp.float32)
    middle, half = (space.low + space.high) / 2, (space.high - space.low) / 2
    return (action - middle) / half


class Linear(NamedTuple):
    """``y = x @ weight + bias``."""

    weight: Array
    """``(inputs, outputs)``."""
    bias: Array
    """``(outputs,)``."""

    def __call__(self, x: Array) -> Array:
        """Map ``(..., inputs)`` to ``(..., outputs)``."""
        return x @ self.weight + self.bias


def linear(key: Key, inputs: int, outputs: int, scale: float = 1.0) -> Linear:
    """Draw weights with variance ``scale^2 / inputs`` (LeCun et al. 1998), no bias."""
    weight = jax.random.normal(key, (inputs, outputs)) * (scale / max(inputs, 1) ** 0.5)
    return Linear(weight, jnp.zeros(outputs, jnp.float32))


def sense_size(spec: Spec) -> int:
    """Length of what ``sense`` returns."""
    return spec.observation_size + output_size(spec.action_space) + 2


def no_action(spec: Spec) -> Array:
    """The features of the last action at birth: nothing was done yet."""
    return jnp.zeros(output_size(spec.action_space), jnp.float32)


def sense(timestep: TimeStep, last_action: Array) -> Array:
    """Observation, last action, reward and new trial as one ``(sense_size,)`` vector.

    These four inputs turn a recurrent network into a learner (RL^2: Duan et al. 2016;
    Wang et al. 2016).
    """
    scalars = jnp.stack([timestep.reward, timestep.first.astype(jnp.float32)])
    return jnp.concatenate([timestep.observation, last_action, scalars])
