"""Attention without softmax: a slow network that programs a fast matrix."""

import dataclasses
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge

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


def dpfp(key: Array, nu: int) -> Array:
    """Features of a ``(d,)`` key: ``(2 d nu,)``, at least 0 and of length 1.

    The deterministic parameter-free projection of Schlag et al. 2021: with ``r =
    relu([k, -k])``, the products ``r_j r_(j+i)`` for ``i = 1 .. nu``. They are sparse,
    so that different keys can be orthogonal. At length 1 what was written is read back
    whole (Yang et al. 2024). Keys whose signs alternate have no features but 0.
    """
    r = jax.nn.relu(jnp.concatenate([key, -key]))
    return normalised(jnp.concatenate([r * jnp.roll(r, i + 1) for i in range(nu)]))


def normalised(x: Array) -> Array:
    """``x`` scaled to length 1, unless it is shorter than 1e-6."""
    return x / jnp.sqrt(jnp.maximum(x @ x, 1e-12))


def read(matrix: Array, key: Array) -> Array:
    """What a ``(keys, values)`` matrix holds for a ``(keys,)`` key: ``(values,)``."""
    return key @ matrix


def write(matrix: Array, key: Array, value: Array, rate: Array) -> Array:
    """Move what a ``(keys, values)`` matrix holds for ``key`` towards ``value``.

    The delta rule (Widrow & Hoff 1960): ``W' = W + rate key (value - key W)^T``. With a
    key of length 1 and a rate of 1 the value replaces what was held, and orthogonal
    keys keep theirs. With rates up to 1, t writes of values within v leave entries
    within ``sqrt(t) v``.
    """
    return matrix + rate * jnp.outer(key, value - read(matrix, key))


class Genome(NamedTuple):
    """The slow network, fixed within a life."""

    senses: Linear
    program: Linear
    """From inputs to key, query, value and write strength."""
    readout: Linear
    """From hidden units and what was read."""


class State(NamedTuple):
    """What a life changes."""

    fast: Array
    """``(2 * keys * nu, values)``: the fast weights."""
    asked: Array
    """``(2 * keys * nu,)``: the query of the step before, if values are filed there."""
    last_action: Array


@dataclasses.dataclass(frozen=True)
class LinearAttention(Agent):
    """Fast weights written by the delta rule (Schlag et al. 2021).

    RL^2 inputs x (Duan et al. 2016) give a key k, a query q, a value v and a strength
    ``beta = sigmoid(.)``. Then ``W' = W + beta (v - W phi(k)) phi(k)^T``, and the agent
    acts from hidden units ``h = tanh(S x)`` and ``W' phi(q)``. With ``shift`` the query
    of the step before is the key: what is found is what came next when something alike
    was asked, as for tokens shifted by one (Peng et al. 2023).
    """

    idea: ClassVar[str] = (
        "It writes what it meets into a fast matrix under keys of its own making, and "
        "reads it back later; what it asks, writes and overwrites is evolved."
    )
    reads_reward: ClassVar[bool] = True

    hidden: Annotated[int, Ge(1)] = 16
    """Units of the slow network."""
    keys: Annotated[int, Ge(2)] = 8
    """Numbers in a key before the feature map."""
    nu: Annotated[int, Ge(1)] = 1
    """Capacity of the feature map: it makes ``2 * keys * nu`` features of a key."""
    values: Annotated[int, Ge(1)] = 16
    """Numbers in a value."""
    shift: bool = False
    """File each value under what was asked one step before."""
    sample: bool = False
    """Draw choices from a softmax instead of taking the largest."""

    def __post_init__(self) -> None:
        """Refuse features that say nothing new."""
        if self.nu >= self.keys:
            raise ValueError(
                f"nu = {self.nu} makes features that repeat others or are always 0, as "
                f"keys = {self.keys}; use nu = {self.keys - 1} at most"
            )

    def init_genome(self, key: Key) -> Genome:
        """Draw the three layers."""
        a, b, c = jax.random.split(key, 3)
        return Genome(
            linear(a, sense_size(self.spec), self.hidden),
            linear(b, sense_size(self.spec), 2 * self.keys + self.values + 1),
            linear(c, self.hidden + self.values, output_size(self.spec.action_space)),
        )

    def init_state(self, genome: Genome, key: Key) -> State:
        """An empty matrix."""
        size = 2 * self.keys * self.nu
        fast = jnp.zeros((size, self.values), jnp.float32)
        asked = jnp.zeros(size if self.shift else 0, jnp.float32)
        return State(fast, asked, no_action(self.spec))

    def step(
        self, genome: Genome, state: State, timestep: TimeStep, key: Key
    ) -> tuple[State, Action]:
        """Sense, write, read, act."""
        sensed = sense(timestep, state.last_action)
        hidden = jnp.tanh(genome.senses(sensed))
        program, d = genome.program(sensed), self.keys
        asked = dpfp(program[d : 2 * d], self.nu)
        written = state.asked if self.shift else dpfp(program[:d], self.nu)
        strength = jax.nn.sigmoid(program[-1])
        fast = write(state.fast, written, program[2 * d : -1], strength)
        found = jnp.concatenate([hidden, read(fast, asked)])
        space = self.spec.action_space
        action = act(space, genome.readout(found), key, self.sample)
        kept = asked if self.shift else state.asked
        return State(fast, kept, features(space, action)), action
