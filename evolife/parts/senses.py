"""What a learner senses at each step: observation, last action, reward, new trial.

These four inputs turn a recurrent network into a learner (RL^2: Duan et al. 2016;
Wang et al. 2016).
"""

import jax.numpy as jnp

from evolife.base import Array, Spec, TimeStep
from evolife.parts.actions import output_size


def sense_size(spec: Spec) -> int:
    """Length of what ``sense`` returns."""
    return spec.observation_size + output_size(spec.action_space) + 2


def no_action(spec: Spec) -> Array:
    """The features of the last action at birth: nothing was done yet."""
    return jnp.zeros(output_size(spec.action_space), jnp.float32)


def sense(timestep: TimeStep, last_action: Array) -> Array:
    """Join all that is sensed into one ``(sense_size,)`` vector."""
    scalars = jnp.stack([timestep.reward, timestep.first.astype(jnp.float32)])
    return jnp.concatenate([timestep.observation, last_action, scalars])
