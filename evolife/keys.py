"""Random keys from counters: (seed, generation, member, life, step), never from rank.

A key is two 32-bit words. Every draw hashes ``(key, counter, purpose)`` with PCG4D
(Jarzynski & Olano, "Hash Functions for GPU Rendering", JCGT 9(3), 2020), here with a
third round and a last shift, so that every input bit reaches every output bit. A round
costs eight multiply-adds for four words and needs no carries between lanes, which makes
a fresh key at every step of every life affordable; it is registered as a JAX generator,
so agents and environments call ``jax.random`` as usual.
"""

import enum
import functools
from typing import Any

import jax
import jax.extend.random
import jax.numpy as jnp
import numpy as np

from evolife.base import Array, Key

_MULTIPLIER, _INCREMENT = 1664525, 1013904223
_BLOCK = 2**14
"""Words of one pass of the loop that draws many."""


class _Purpose(enum.IntEnum):
    """Keeps the outputs of different operations on one key apart."""

    SEED = 0x5EED5EED
    SPLIT = 0x2545F491
    BITS = 0x6C8E9CF5
    MANY = 0x3C6EF372
    FOLD = 0x1B873593


def _mix(words: list[Array]) -> list[Array]:
    x, y, z, w = words
    x = x + y * w
    y = y + z * x
    z = z + x * y
    w = w + y * z
    return [x, y, z, w]


def pcg4d(x: Any, y: Any, z: Any, w: Any) -> list[Array]:
    """Hash four arrays of uint32 into four; a bijection of the 128 bits."""
    return list(_hash(*(jnp.asarray(v, jnp.uint32) for v in (x, y, z, w))))


# Compiled apart, so that it is traced once a shape and not at each of its many uses.
@functools.partial(jax.jit, inline=True)
def _hash(*given: Array) -> list[Array]:
    words = list(jnp.broadcast_arrays(*given))
    words = _mix([v * jnp.uint32(_MULTIPLIER) + jnp.uint32(_INCREMENT) for v in words])
    words = _mix([v ^ (v >> 16) for v in words])
    words = _mix([v ^ (v >> 16) for v in words])
    return [v ^ (v >> 16) for v in words]


def _seed(seed: Array) -> Array:
    seed = jnp.asarray(seed)
    high = 0 if seed.dtype.itemsize < 8 else (seed >> 32).astype(jnp.uint32)
    words = pcg4d(seed.astype(jnp.uint32), high, 0, _Purpose.SEED)
    return jnp.stack(words[:2])


def _split(key: Array, shape: tuple[int, ...]) -> Array:
    count = 1
    for size in shape:
        count *= size
    counter = jnp.arange(count, dtype=jnp.uint32)
    words = pcg4d(key[0], key[1], counter, _Purpose.SPLIT)
    return jnp.stack(words[:2], axis=-1).reshape(*shape, 2)


def _fold_in(key: Array, data: int) -> Array:
    words = pcg4d(key[0], key[1], data, _Purpose.FOLD)
    return jnp.stack(words[:2])


def _words(key: Array, count: int) -> Array:
    # Never by joining arrays: fused into what uses them, the pieces become branches of
    # one loop, which is not written as vectors and on which LLVM can spend minutes.
    if count <= 4:
        return _four(key, count)
    if count <= _BLOCK:
        return _one_each(key, jnp.arange(count, dtype=jnp.uint32))
    # In a loop, because many words fused into what uses them are drawn one by one.
    starts = jnp.arange(0, count, _BLOCK, dtype=jnp.uint32)
    offsets = jnp.arange(_BLOCK, dtype=jnp.uint32)
    blocks = jax.lax.map(lambda start: _one_each(key, start + offsets), starts)
    return blocks.reshape(-1)[:count]


def _four(key: Array, count: int) -> Array:
    """Up to four words of one hash."""
    place = np.arange(count, dtype=np.uint32)
    x, y, z, w = pcg4d(key[0], key[1], jnp.zeros_like(place), _Purpose.BITS)
    low, high = jnp.where(place == 0, x, y), jnp.where(place == 2, z, w)
    return jnp.where(place < 2, low, high)


def _one_each(key: Array, counter: Array) -> Array:
    """One word a hash: alike and independent, so that they are drawn as vectors."""
    return pcg4d(key[0], key[1], counter, _Purpose.MANY)[0]


def _random_bits(key: Array, bit_width: int, shape: tuple[int, ...]) -> Array:
    count = 1
    for size in shape:
        count *= size
    if bit_width == 64:
        high, low = jnp.split(_words(key, 2 * count).astype(jnp.uint64), 2)
        return ((high << 32) | low).reshape(shape)
    dtype = {8: jnp.uint8, 16: jnp.uint16, 32: jnp.uint32}[bit_width]
    return (_words(key, count) >> (32 - bit_width)).astype(dtype).reshape(shape)


PCG4D = jax.extend.random.define_prng_impl(
    key_shape=(2,),
    seed=_seed,
    split=_split,
    random_bits=_random_bits,
    fold_in=_fold_in,
    name="evolife_pcg4d",
    tag="pcg4d",
)

GENERATORS = {"pcg4d": PCG4D}
"""Generators by the name under which checkpoints know them."""


class Pool(enum.IntEnum):
    """Disjoint sources of lives, so that nobody is judged on what chose it."""

    EVOLVE = 0
    VALIDATE = 1
    REPORT = 2
    EVALUATE = 3
    CURVE = 4


def root_key(seed: int) -> Key:
    """The key everything of a run descends from."""
    return jax.random.key(seed, impl=PCG4D)


def pool_key(seed: int, pool: Pool) -> Key:
    """The key all lives of ``pool`` descend from."""
    return jax.random.fold_in(jax.random.fold_in(root_key(seed), 1), int(pool))


def life_key(pool: Key, generation: Any, member: Any, life: Any) -> Key:
    """The key of one life: a function of its place in the run and of nothing else."""
    for counter in (generation, member, life):
        pool = jax.random.fold_in(pool, counter)
    return pool
