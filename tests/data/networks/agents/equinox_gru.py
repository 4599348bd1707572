"""A recurrent cell and a perceptron of equinox."""

import dataclasses
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from evolife.base import Action, Agent, Array, Key, TimeStep
from evolife.parts import act, output_size


class _Network(eqx.Module):
    cell: eqx.nn.GRUCell
    readout: eqx.nn.MLP

    def __init__(self, inputs: int, outputs: int, key: Key) -> None:
        a, b = jax.random.split(key)
        self.cell = eqx.nn.GRUCell(inputs, 5, key=a)
        self.readout = eqx.nn.MLP(5, outputs, 4, 1, key=b)

    def __call__(self, hidden: Array, x: Array) -> tuple[Array, Array]:
        hidden = self.cell(x, hidden)
        return hidden, self.readout(hidden)


@dataclasses.dataclass(frozen=True)
class EquinoxGru(Agent):
    """A gated cell, read out by a perceptron."""

    idea: ClassVar[str] = "Its activity is its memory."
    reads_reward: ClassVar[bool] = True

    def _network(self, key: Key) -> _Network:
        sizes = self.spec.observation_size, output_size(self.spec.action_space)
        return _Network(*sizes, key)

    def init_genome(self, key: Key) -> Any:
        """The network's arrays, without its functions."""
        return eqx.filter(self._network(key), eqx.is_array)

    def init_state(self, genome: Any, key: Key) -> Array:
        """An empty memory."""
        return jnp.zeros(5, jnp.float32)

    def step(
        self, genome: Any, state: Array, timestep: TimeStep, key: Key
    ) -> tuple[Array, Action]:
        """Update the memory, act from it."""
        shapes = eqx.filter_eval_shape(self._network, key)
        functions = eqx.filter(shapes, callable)
        network = eqx.combine(genome, functions)
        bias = jnp.tanh(network.cell.bias)
        network = eqx.tree_at(lambda net: net.cell.bias, network, bias)
        state, outputs = network(state, timestep.observation)
        return state, act(self.spec.action_space, outputs, key)
