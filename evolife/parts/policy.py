"""Stochastic policies: actions drawn from outputs, and the chance of what was drawn.

Choices follow a softmax. Numbers follow a Gaussian before they are squashed into their
range; mean and spread are both outputs (Sutton & Barto 2018, ch. 13.7).
"""

import jax
import jax.numpy as jnp

from evolife.base import Action, ActionSpace, Array, Both, Continuous, Key
from evolife.parts.actions import act, features


def policy_size(space: ActionSpace) -> int:
    """How many outputs a policy has: a score a choice, mean and spread a number."""
    if isinstance(space, Both):
        return policy_size(space.discrete) + policy_size(space.continuous)
    return 2 * space.size if isinstance(space, Continuous) else space.size


def draw(space: ActionSpace, outputs: Array, key: Key) -> tuple[Action, Array]:
    """Draw an action, and its ``(output_size,)`` sample before any squashing."""
    if isinstance(space, Both):
        cut = policy_size(space.discrete)
        one, other = jax.random.split(key)
        choice, chosen = draw(space.discrete, outputs[:cut], one)
        numbers, moved = draw(space.continuous, outputs[cut:], other)
        return (choice, numbers), jnp.concatenate([chosen, moved])
    if isinstance(space, Continuous):
        mean, log_spread = _gaussian(outputs)
        luck = jax.random.normal(key, mean.shape)
        sample = mean + jnp.exp(log_spread) * luck
        return act(space, sample, key), sample
    action = act(space, outputs, key, sample=True)
    return action, features(space, action)


def log_chance(space: ActionSpace, outputs: Array, sample: Array) -> Array:
    """Logarithm of the chance, or density, of a sample; constants left out.

    Squashing would only add what does not depend on the outputs.
    """
    if isinstance(space, Both):
        cut, at = policy_size(space.discrete), space.discrete.size
        chosen = log_chance(space.discrete, outputs[:cut], sample[:at])
        return chosen + log_chance(space.continuous, outputs[cut:], sample[at:])
    if isinstance(space, Continuous):
        mean, log_spread = _gaussian(outputs)
        off = (sample - mean) * jnp.exp(-log_spread)
        return -jnp.sum(off**2 / 2 + log_spread)
    return jnp.sum(sample * jax.nn.log_softmax(outputs))


def _gaussian(outputs: Array) -> tuple[Array, Array]:
    """Means, and logarithms of spreads within -3 and 1: neither certain nor lost."""
    mean, raw = jnp.split(outputs, 2)
    return mean, 2.0 * jnp.tanh(raw / 2.0) - 1.0
