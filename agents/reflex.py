"""Memoryless network: acts on the current observation alone."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

import jax
import jax.numpy as jnp
from annotated_types import Ge, MinLen

from evolife.base import Action, Agent, Array, Key, TimeStep
from evolife.parts import Linear, act, linear, output_size


def clip(x: Array) -> Array:
    """Hard tanh: the identity within [-1, 1], constant outside."""
    return jnp.clip(x, -1.0, 1.0)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "clip": clip,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
}


@dataclasses.dataclass(frozen=True)
class Reflex(Agent):
    """Multi-layer perceptron without state: the yardstick of memory.

    Units are ``clip(x, -1, 1)`` by default, tanh with its curve cut off: evolution
    needs no slope, and tanh would take a fifth of the time of a life.
    """

    idea: ClassVar[str] = "It does not learn: the best it can be is a good reflex."
    reads_reward: ClassVar[bool] = False

    hidden: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1)] = (32,)
    """Units of each hidden layer."""
    activation: Literal["clip", "tanh", "relu"] = "clip"
    """What hidden units do to their sum."""
    sample: bool = False
    """Draw choices from a softmax instead of taking the largest."""

    def init_genome(self, key: Key) -> tuple[Linear, ...]:
        """One linear layer after another, the last one small."""
        sizes = (self.spec.observation_size, *self.hidden)
        keys = jax.random.split(key, len(sizes))
        pairs = zip(keys[:-1], itertools.pairwise(sizes), strict=True)
        layers = [linear(key, *pair) for key, pair in pairs]
        last = linear(keys[-1], sizes[-1], output_size(self.spec.action_space), 0.1)
        return (*layers, last)

    def init_state(self, genome: tuple[Linear, ...], key: Key) -> tuple[()]:
        """Nothing is kept."""
        return ()

    def step(
        self, genome: tuple[Linear, ...], state: tuple[()], timestep: TimeStep, key: Key
    ) -> tuple[tuple[()], Action]:
        """Map the observation to an action."""
        x = timestep.observation
        for layer in genome[:-1]:
            x = ACTIVATIONS[self.activation](layer(x))
        return state, act(self.spec.action_space, genome[-1](x), key, self.sample)
