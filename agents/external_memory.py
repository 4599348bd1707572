"""Small recurrent controller with a memory of slots beside it."""

import dataclasses
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge, Lt

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

_FAINT = 1e-3
_TINY = 1e-30


def by_content(memory: Array, key: Array, sharpness: Array) -> Array:
    """``(slots,)`` weights on the slots most like a ``(width,)`` key; their sum is 1.

    ``w_i ~ p_i exp(sharpness cos(M_i, key))`` (Graves et al. 2014), where ``p_i =
    |M_i|^2 / (|M_i|^2 + 0.001)`` is 0 for slots of zeros. All are 0 if every slot is.
    So empty slots change nothing, and how many there are is no part of a genome.
    """
    squares = (memory * memory).sum(axis=1)
    lengths = jnp.sqrt(squares) * jnp.sqrt(key @ key)
    cosines = jnp.clip(memory @ key / jnp.maximum(lengths, _TINY), -1.0, 1.0)
    # Counting from the best score of all that are not empty, no exponential overflows.
    scores = jnp.where(squares > 0, sharpness * cosines, -jnp.inf)
    best = jnp.maximum(scores.max(), -1e30)
    weights = squares / (squares + _FAINT) * jnp.exp(scores - best)
    return weights / jnp.maximum(weights.sum(), _TINY)


def least_used(usage: Array) -> Array:
    """``(slots,)`` weights: 1 on the slot of least usage, the first of equals."""
    places = jnp.arange(usage.shape[0])
    # Two plain minima: CPUs are slow at finding where one is.
    least = jnp.where(usage == usage.min(), places, usage.shape[0])
    return (places == least.min()).astype(jnp.float32)


def write(memory: Array, weights: Array, erase: Array, add: Array) -> Array:
    """Erase, then add, in each slot as much as its weight says (Graves et al. 2014).

    ``M_i' = M_i (1 - w_i e) + w_i a``, cut off at -1 and 1.
    """
    kept = memory * (1 - jnp.outer(weights, erase))
    return jnp.clip(kept + jnp.outer(weights, add), -1.0, 1.0)


class Orders(NamedTuple):
    """What the controller tells the heads in one step; all but four are ``()``."""

    asked: Array
    """``(width,)`` content to look for when reading."""
    place: Array
    """``(width,)`` content to look for when writing."""
    erase: Array
    """``(width,)`` within [0, 1]."""
    add: Array
    """``(width,)`` within [-1, 1]."""
    read_sharpness: Array
    """At least 0."""
    write_sharpness: Array
    """At least 0."""
    strength: Array
    """Within [0, 1]: how much to write at all."""
    fresh: Array
    """Within [0, 1]: how much of it to the least-used slot, not by content."""


def orders_size(width: int) -> int:
    """How many numbers a controller must say for slots of ``width`` numbers."""
    return 4 * width + 4


def orders(numbers: Array, width: int) -> Orders:
    """Understand ``(orders_size,)`` numbers, in the order of the fields."""
    asked, place, erase, add = numbers[: 4 * width].reshape(4, width)
    sharpness = jax.nn.softplus(numbers[-4:-2])
    gates = jax.nn.sigmoid(numbers[-2:])
    erase, add = jax.nn.sigmoid(erase), jnp.tanh(add)
    return Orders(asked, place, erase, add, *sharpness, *gates)


def note(memory: Array, usage: Array, told: Orders) -> tuple[Array, Array]:
    """Write into a ``(slots, width)`` memory; also return the ``(slots,)`` weights.

    Of a strength s the part g goes to the least-used slot (Santoro et al. 2016), wiped
    before, and the rest by content: ``w = s (g lru + (1 - g) content)``.
    """
    taken = told.strength * told.fresh * least_used(usage)
    known = by_content(memory, told.place, told.write_sharpness)
    weights = taken + told.strength * (1 - told.fresh) * known
    wiped = memory * (1 - taken[:, None])
    return write(wiped, weights, told.erase, told.add), weights


def recall(memory: Array, told: Orders) -> tuple[Array, Array]:
    """Read by content: ``(width,)`` numbers, and the ``(slots,)`` weights."""
    weights = by_content(memory, told.asked, told.read_sharpness)
    return weights @ memory, weights


class Genome(NamedTuple):
    """Weights, fixed within a life; none depends on the number of slots."""

    controller: Linear
    heads: Linear
    """To keys, contents, sharpnesses and gates."""
    readout: Linear


class State(NamedTuple):
    """What a life changes."""

    memory: Array
    """``(slots, width)``, within [-1, 1]."""
    usage: Array
    """``(slots,)``: how much and how recently each slot was read or written."""
    found: Array
    """``(width,)``: what was last read."""
    hidden: Array
    last_action: Array


@dataclasses.dataclass(frozen=True)
class ExternalMemory(Agent):
    """Neural Turing machine (Graves et al. 2014) that writes to least-used slots.

    A controller ``h' = tanh(W [x, r, h] + b)`` of RL^2 inputs x (Duan et al. 2016) and
    what it last read writes by content or, as its gate says, to the least-used slot
    (Santoro et al. 2016), which is wiped first. Then it reads by content and acts. As
    no weight belongs to a slot, a life may have more slots than evolution had.
    """

    idea: ClassVar[str] = (
        "It notes what it meets in slots and finds it again by content; when none is "
        "free it overwrites the slot it used least."
    )
    reads_reward: ClassVar[bool] = True

    slots: Annotated[int, Ge(1)] = 16
    """Slots of the memory; may be changed after evolution."""
    width: Annotated[int, Ge(1)] = 8
    """Numbers in a slot."""
    hidden: Annotated[int, Ge(1)] = 16
    """Units of the controller."""
    decay: Annotated[float, Ge(0), Lt(1)] = 0.99
    """What is left of a slot's usage one step later."""
    sharpness: float = 5.0
    """Where the bias of the sharpness of addressing starts."""
    sample: bool = False
    """Draw choices from a softmax instead of taking the largest."""

    def init_genome(self, key: Key) -> Genome:
        """Draw the three layers; addressing starts as sharp as its bias says."""
        a, b, c = jax.random.split(key, 3)
        n, width = self.hidden, self.width
        heads = linear(b, n, orders_size(width))
        sharp = jnp.arange(orders_size(width)) // 2 == 2 * width
        bias = jnp.where(sharp, jnp.float32(self.sharpness), heads.bias)
        return Genome(
            linear(a, sense_size(self.spec) + width + n, n),
            heads._replace(bias=bias),
            linear(c, n + width, output_size(self.spec.action_space)),
        )

    def init_state(self, genome: Genome, key: Key) -> State:
        """Empty slots."""
        return State(
            jnp.zeros((self.slots, self.width), jnp.float32),
            jnp.zeros(self.slots, jnp.float32),
            jnp.zeros(self.width, jnp.float32),
            jnp.zeros(self.hidden, jnp.float32),
            no_action(self.spec),
        )

    def step(
        self, genome: Genome, state: State, timestep: TimeStep, key: Key
    ) -> tuple[State, Action]:
        """Sense, think, write, read, act."""
        sensed = sense(timestep, state.last_action)
        inputs = jnp.concatenate([sensed, state.found, state.hidden])
        hidden = jnp.tanh(genome.controller(inputs))
        told = orders(genome.heads(hidden), self.width)
        memory, written = note(state.memory, state.usage, told)
        found, looked = recall(memory, told)
        usage = self.decay * state.usage + written + looked
        space = self.spec.action_space
        outputs = genome.readout(jnp.concatenate([hidden, found]))
        action = act(space, outputs, key, self.sample)
        return State(memory, usage, found, hidden, features(space, action)), action
