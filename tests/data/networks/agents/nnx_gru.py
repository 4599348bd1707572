"""A recurrent network of flax.nnx."""

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
from flax import nnx

from evolife.base import Action, Agent, Array, Key, TimeStep
from evolife.parts import act, output_size


class _Network(nnx.Module):
    def __init__(self, inputs: int, outputs: int, rngs: nnx.Rngs) -> None:
        self.cell = nnx.GRUCell(inputs, 5, rngs=rngs)
        self.readout = nnx.Linear(5, outputs, rngs=rngs)

    def __call__(self, hidden: Array, x: Array) -> tuple[Array, Array]:
        hidden, out = self.cell(hidden, x)
        return hidden, self.readout(out)


@dataclasses.dataclass(frozen=True)
class NnxGru(Agent):
    """A gated cell and a readout."""

    idea: ClassVar[str] = "Its activity is its memory."
    reads_reward: ClassVar[bool] = True

    def _network(self, key: Key) -> _Network:
        sizes = self.spec.observation_size, output_size(self.spec.action_space)
        return _Network(*sizes, nnx.Rngs(key))

    def init_genome(self, key: Key) -> Any:
        """The network's parameters."""
        return nnx.state(self._network(key), nnx.Param)

    def init_state(self, genome: Any, key: Key) -> Array:
        """An empty memory."""
        return jnp.zeros(5, jnp.float32)

    def step(
        self, genome: Any, state: Array, timestep: TimeStep, key: Key
    ) -> tuple[Array, Action]:
        """Update the memory, act from it."""
        shapes = nnx.eval_shape(lambda: self._network(key))
        graph, _, others = nnx.split(shapes, nnx.Param, ...)
        network = nnx.merge(graph, genome, others)
        state, outputs = network(state, timestep.observation)
        return state, act(self.spec.action_space, outputs, key)
