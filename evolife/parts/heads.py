"""What a controller tells the heads of a memory of slots, and what they then do."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from evolife.base import Array
from evolife.parts import slots


class Orders(NamedTuple):
    """One step's instructions; all but the first four are ``()``."""

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
    taken = told.strength * told.fresh * slots.least_used(usage)
    known = slots.by_content(memory, told.place, told.write_sharpness)
    weights = taken + told.strength * (1 - told.fresh) * known
    wiped = memory * (1 - taken[:, None])
    return slots.write(wiped, weights, told.erase, told.add), weights


def recall(memory: Array, told: Orders) -> tuple[Array, Array]:
    """Read by content: ``(width,)`` numbers, and the ``(slots,)`` weights."""
    weights = slots.by_content(memory, told.asked, told.read_sharpness)
    return slots.read(memory, weights), weights
