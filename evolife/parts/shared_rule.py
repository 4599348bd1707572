"""One tiny recurrent network that every synapse of a layer runs on its own state.

States are ``(units, synapses)``, messages ``(channels, neurons)``, or ``(channels,
synapses)`` as each synapse hears them: what there is much of comes last, because a
processor's vectors are filled by many synapses and not by the few numbers of one. The
rule fits layers of any size (VSML, Kirsch & Schmidhuber 2021; multiplied messages as in
BLUR, Sandler et al. 2021).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from evolife.base import Array, Key
from evolife.parts.linear import Linear, linear


class Rule(NamedTuple):
    """How a synapse changes, and what it passes on."""

    update: Linear
    """From its state and the product of its messages to gates and candidates."""
    before: Array
    """``(channels, 2 units)``: the same from the message of the neuron before it."""
    after: Array
    """``(channels, 2 units)``: the same from the message of the neuron after it."""
    broadcast: Array
    """``(2, 2 units)``: the same from reward and ``first``, told to all."""
    emit: Linear
    """From its state to ``2 channels`` weights: of messages forward, then back."""

    def learn(self, states: Array, before: Array, after: Array, told: Array) -> Array:
        """New states ``s + z (n - s)``, candidates ``n = tanh(sums)`` and hard gates z.

        Gates are ``clip((sums + 2) / 4, 0, 1)``: closed ones keep a state for ever.
        """
        heard = [states, before * after, before, after]
        weights = [self.update.weight, self.before, self.after]
        news = self.update.bias + told @ self.broadcast
        sums = mixed(jnp.concatenate(weights), jnp.concatenate(heard)) + news[:, None]
        gates, candidates = jnp.split(sums, 2)
        opened = jnp.clip(0.5 + gates / 4.0, 0.0, 1.0)
        return states + opened * (jnp.tanh(candidates) - states)

    def weights(self, states: Array) -> tuple[Array, Array]:
        """What states make of messages forward and back: ``(channels, synapses)``."""
        sums = mixed(self.emit.weight, states) + self.emit.bias[:, None]
        forward, back = jnp.split(sums, 2)
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


def mixed(weight: Array, x: Array) -> Array:
    """``sum_k weight[k, n] x[k]``: ``(m, n)`` and ``(m, size)`` to ``(n, size)``.

    Written out, because a product of tiny matrices for each member takes several times
    as long on CPUs.
    """
    total = weight[0][:, None] * x[0]
    for k in range(1, x.shape[0]):
        total = total + weight[k][:, None] * x[k]
    return total


def spread(messages: Array, inputs: int, outputs: int, axis: int) -> Array:
    """``(channels, neurons)`` to ``(channels, synapses)``: what each synapse hears.

    ``axis`` is 1 where neurons are the layer's inputs and 2 where its outputs.
    """
    shape = (messages.shape[0], inputs, outputs)
    along = jnp.expand_dims(messages, 3 - axis)
    return jnp.broadcast_to(along, shape).reshape(shape[0], -1)


def gathered(passed: Array, inputs: int, outputs: int, axis: int) -> Array:
    """``tanh(sum / sqrt(neurons))`` of ``(channels, synapses)``, as in ``spread``.

    ``axis`` is 1 to sum over a layer's inputs and 2 over its outputs.
    """
    total = passed.reshape(-1, inputs, outputs).sum(axis=axis)
    return jnp.tanh(total / (inputs, outputs)[axis - 1] ** 0.5)
