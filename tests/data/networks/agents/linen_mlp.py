"""A multi-layer perceptron of flax.linen."""

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp

from evolife.base import Action, Agent, Array, Key, TimeStep
from evolife.parts import act, output_size


class _Network(nn.Module):
    outputs: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = nn.LayerNorm()(nn.silu(nn.Dense(6)(x)))
        return nn.Dense(self.outputs)(x)


@dataclasses.dataclass(frozen=True)
class LinenMlp(Agent):
    """Dense layers without memory."""

    idea: ClassVar[str] = "It does not learn."
    reads_reward: ClassVar[bool] = False

    @property
    def _network(self) -> _Network:
        return _Network(output_size(self.spec.action_space))

    def init_genome(self, key: Key) -> Any:
        """The network's parameters."""
        return self._network.init(key, jnp.zeros(self.spec.observation_size))

    def init_state(self, genome: Any, key: Key) -> tuple[()]:
        """Nothing is kept."""
        return ()

    def step(
        self, genome: Any, state: tuple[()], timestep: TimeStep, key: Key
    ) -> tuple[tuple[()], Action]:
        """Map the observation to an action."""
        outputs = self._network.apply(genome, timestep.observation)
        return state, act(self.spec.action_space, outputs, key)
