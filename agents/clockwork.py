"""Recurrent network in modules that tick at different rates."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge, Le

from evolife.base import Action, Agent, Array, Key, TimeStep
from evolife.parts import (
    Linear,
    act,
    features,
    linear,
    no_action,
    output_size,
    sense,
    sense_size,
)


@jax.custom_batching.custom_vmap
def largest(value: Array) -> Array:
    """The largest of ``value`` over all lanes of every enclosing ``vmap``.

    Alone, ``value`` itself. Under ``vmap`` a branch on what differs from lane to lane
    becomes a selection between branches that are all computed; a branch on this stays
    a branch. For deciding what to compute only: a result that depends on it other than
    in cost would let lanes influence each other.
    """
    return value


@largest.def_vmap
def _over_lanes(size: int, batched: list[bool], value: Array) -> tuple[Any, bool]:
    del size, batched
    return largest(value.max(axis=0)), False


def due(clock: Array, modules: int) -> Array:
    """How many modules tick at the ``()`` int32 step ``clock``: always the first few.

    Module i ticks where ``clock`` is a multiple of ``2^i``.
    """
    periods = 2 ** jnp.arange(modules, dtype=jnp.int32)
    return (clock % periods == 0).sum(dtype=jnp.int32)


def tick(modules: tuple[Linear, ...], x: Array, hidden: Array, count: Array) -> Array:
    """Update the first ``count`` modules of ``(n,)`` hidden units.

    ``h_i' = tanh(W_i [x, h_i, h_(i+1), ...] + b_i)``. Only the products of these
    modules are computed. Under ``vmap`` they are those of the lane with the most.
    """
    branches = [_first(i + 1) for i in range(len(modules))]
    return jax.lax.switch(largest(count) - 1, branches, modules, x, hidden, count)


def _first(computed: int) -> Callable[..., Array]:
    def update(
        modules: tuple[Linear, ...], x: Array, hidden: Array, count: Array
    ) -> Array:
        width = hidden.shape[0] // len(modules)
        cut = computed * width
        sums = [
            modules[i](jnp.concatenate([x, hidden[i * width :]]))
            for i in range(computed)
        ]
        # Lanes of one life tick together; where they do not, each keeps what is its.
        ticks = jnp.arange(cut) < count * width
        fresh = jnp.where(ticks, jnp.tanh(jnp.concatenate(sums)), hidden[:cut])
        return jnp.concatenate([fresh, hidden[cut:]])

    return update


class Genome(NamedTuple):
    """Weights, fixed within a life."""

    modules: tuple[Linear, ...]
    """Module i maps the senses and the units of modules i, i + 1, ... to its own."""
    readout: Linear


class State(NamedTuple):
    """What a life changes."""

    hidden: Array
    clock: Array
    """``()`` int32: steps lived, modulo the longest period."""
    last_action: Array


@dataclasses.dataclass(frozen=True)
class Clockwork(Agent):
    """Clockwork RNN (Koutnik et al. 2014) with RL^2 inputs (Duan et al. 2016).

    Module i has period ``2^i``: at multiples of it ``h_i' = tanh(W_i [x, h_i, h_(i+1),
    ...] + b_i)``, at other steps ``h_i' = h_i``. A slow module hears no faster one, and
    costs nothing while it is not due.
    """

    idea: ClassVar[str] = (
        "Its slow modules change rarely and so remember long: weights are fixed in a "
        "life, and learning is whatever its units do with past actions and rewards."
    )
    reads_reward: ClassVar[bool] = True

    hidden: Annotated[int, Ge(1)] = 32
    """Recurrent units of all modules together."""
    modules: Annotated[int, Ge(1), Le(24)] = 4
    """Modules of equal size; the slowest ticks every ``2^(modules - 1)`` steps."""
    sample: bool = False
    """Draw choices from a softmax instead of taking the largest."""

    def __post_init__(self) -> None:
        """Refuse modules of unequal size."""
        rest = self.hidden % self.modules
        if rest:
            raise ValueError(
                f"hidden = {self.hidden} cannot be shared equally by modules = "
                f"{self.modules}; use hidden = {self.hidden + self.modules - rest}"
            )

    def init_genome(self, key: Key) -> Genome:
        """Draw the modules and the readout."""
        *keys, last = jax.random.split(key, self.modules + 1)
        width = self.hidden // self.modules
        inputs = sense_size(self.spec) + self.hidden
        layers = [linear(k, inputs - i * width, width) for i, k in enumerate(keys)]
        outputs = output_size(self.spec.action_space)
        return Genome(tuple(layers), linear(last, self.hidden, outputs))

    def init_state(self, genome: Genome, key: Key) -> State:
        """An empty memory, and every module due."""
        clock = jnp.zeros((), jnp.int32)
        return State(jnp.zeros(self.hidden, jnp.float32), clock, no_action(self.spec))

    def step(
        self, genome: Genome, state: State, timestep: TimeStep, key: Key
    ) -> tuple[State, Action]:
        """Sense, let the modules tick that are due, act from all."""
        x = sense(timestep, state.last_action)
        count = due(state.clock, self.modules)
        hidden = tick(genome.modules, x, state.hidden, count)
        clock = (state.clock + 1) % 2 ** (self.modules - 1)
        space = self.spec.action_space
        action = act(space, genome.readout(hidden), key, self.sample)
        return State(hidden, clock, features(space, action)), action
