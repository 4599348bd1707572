"""One tiny recurrent network that every synapse of a layer runs on its own state.

States are ``(inputs, outputs, units)``, messages ``(neurons, channels)``; the rule fits
layers of any size (VSML, Kirsch & Schmidhuber 2021; multiplied messages as in BLUR,
Sandler et al. 2021).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from evolife.base import Array, Key
from evolife.parts.linear import Linear, linear


class Rule(NamedTuple):
    """How a synapse changes, and what it passes on."""

    update: Linear
    """From its state and the product of its messages to gates and candidates."""
    before: Any
    """``(channels, 2 units)``: the same from the message of the neuron before it."""
    after: Any
    """``(channels, 2 units)``: the same from the message of the neuron after it."""
    broadcast: Any
    """``(2, 2 units)``: the same from reward and ``first``, told to all."""
    emit: Linear
    """From its state to ``2 channels`` weights: of messages forward, then back."""

    def learn(self, states: Array, before: Array, after: Array, told: Array) -> Array:
        """New states ``s + z (n - s)``, candidates ``n = tanh(sums)`` and hard gates z.

        Gates are ``clip((sums + 2) / 4, 0, 1)``: closed ones keep a state for ever.
        """
        product = before[:, None] * after
        sums = self.update(jnp.concatenate([states, product], axis=-1))
        sums = sums + (before @ self.before)[:, None] + after @ self.after
        gates, candidates = jnp.split(sums + told @ self.broadcast, 2, axis=-1)
        opened = jnp.clip(0.5 + gates / 4.0, 0.0, 1.0)
        return states + opened * (jnp.tanh(candidates) - states)

    def weights(self, states: Array) -> tuple[Array, Array]:
        """What states make of messages forward and back: ``(in, out, channels)``."""
        forward, back = jnp.split(self.emit(states), 2, axis=-1)
        return forward, back


def rule(key: Key, units: int, channels: int) -> Rule:
    """Draw a rule; gates start a tenth open, so that states last."""
    keys = jax.random.split(key, 5)
    update = linear(keys[0], units + channels, 2 * units)
    slow = jnp.repeat(jnp.array([-1.6, 0.0], jnp.float32), units)
    return Rule(
        update._replace(bias=slow),
        linear(keys[1], channels, 2 * units).weight,
        linear(keys[2], channels, 2 * units).weight,
        linear(keys[3], 2, 2 * units).weight,
        linear(keys[4], units, 2 * channels),
    )


def gathered(weights: Array, messages: Array, axis: int) -> Array:
    """``tanh(sum weights * messages / sqrt(neurons))`` over the neurons of ``axis``."""
    total = jnp.sum(weights * messages, axis=axis)
    return jnp.tanh(total / weights.shape[axis] ** 0.5)
