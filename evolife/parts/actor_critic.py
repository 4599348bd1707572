"""A small network that acts and tells how much it expects to earn."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from evolife.base import ActionSpace, Array, Key, Spec
from evolife.parts.linear import Linear, linear
from evolife.parts.policy import log_chance, policy_size
from evolife.parts.senses import sense_size


class ActorCritic(NamedTuple):
    """One hidden layer that policy and value share, and a readout for each."""

    senses: Linear
    policy: Linear
    value: Linear

    def __call__(self, x: Array) -> tuple[Array, Array]:
        """Outputs of the policy ``(policy_size,)``, and the ``()`` value of ``x``."""
        hidden = jnp.tanh(self.senses(x))
        return self.policy(hidden), self.value(hidden)[0]


def actor_critic(key: Key, spec: Spec, hidden: int) -> ActorCritic:
    """Draw the layers; both readouts start small."""
    a, b, c = jax.random.split(key, 3)
    return ActorCritic(
        linear(a, sense_size(spec), hidden),
        linear(b, hidden, policy_size(spec.action_space), 0.1),
        linear(c, hidden, 1, 0.1),
    )


def merit(weights: ActorCritic, space: ActionSpace, x: Array, sample: Array) -> Array:
    """``log pi(sample | x) + v(x)``: what eligibility traces sum the gradient of.

    Each part reaches its own readout, and both the layer that they share.
    """
    outputs, value = weights(x)
    return log_chance(space, outputs, sample) + value
