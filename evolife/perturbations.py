"""Perturbations from counters: low-rank for matrices, dense for everything else.

Member ``2p`` and ``2p + 1`` are an antithetic pair: they share the draw of counter
``p`` with opposite signs. A matrix is perturbed by ``A B^T / sqrt(r)`` with normal
``A (m, r)`` and ``B (n, r)``, whose entries have mean 0 and variance 1 (EGGROLL,
Sarkar et al. 2025); a population therefore never exists as K full matrices.

An evolution strategy draws more numbers than anything else does, and what it needs of
them are moments. The sum of the four bytes of a random word, put through an odd
polynomial of degree 7, takes 1,021 values symmetric about 0, whose moments are those of
the normal distribution up to the ninth: 0, 1, 0, 3, 0, 15, 0, 105, 0. (Sums of uniform
numbers through a polynomial: Teichroew, in Knuth, TAOCP 2, section 3.4.1.)
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from evolife.base import Array, Genome, Key
from evolife.keys import pcg4d

_ROW = 0x7F4A7C15
"""Keeps rows apart from what else a key is the source of."""
_MIDDLE = 510
"""Mean of the sum of four bytes."""
_DEVIATION = float(np.sqrt(4 * (256**2 - 1) / 12))
_COEFFICIENTS = (
    0.9554603274673490,
    0.0212804650917377,
    -0.0034112545144986,
    0.0004253939416556,
)
"""Of x, x^3, x^5 and x^7, from the moments 2, 4, 6 and 8 of the 1,021 values."""


def normal_row(key: Key, row: Array, length: int) -> Array:
    """``(length,)`` float32 normal numbers of ``row``, an int32 scalar.

    A function of the key, the row and the place in it; rows and places are independent.
    None is larger than ``LARGEST``.
    """
    first, second = jax.random.key_data(key)[:2]
    place = jnp.arange(length, dtype=jnp.uint32)
    row = jnp.asarray(row).astype(jnp.uint32)
    return _normal(pcg4d(first ^ jnp.uint32(_ROW), second, row, place)[0])


def _normal(word: Array) -> Array:
    """One normal number of each uint32."""
    pairs = jnp.uint32(0x00FF00FF)
    halves = (word & pairs) + ((word >> 8) & pairs)
    total = (halves & jnp.uint32(0xFFFF)) + (halves >> 16)
    x = (total.astype(jnp.int32) - _MIDDLE).astype(jnp.float32) * (1 / _DEVIATION)
    a, b, c, d = _COEFFICIENTS
    square = x * x
    return x * (a + square * (b + square * (c + square * d)))


def _largest() -> float:
    x = _MIDDLE / _DEVIATION
    return sum(c * x ** (2 * i + 1) for i, c in enumerate(_COEFFICIENTS))


LARGEST = _largest() * (1 + 1e-6)
"""No number drawn here is larger: a little below 5."""


@jax.tree_util.register_pytree_node_class
class LowRankMatrix:
    """The matrix ``w + a @ b.T``, kept apart so that members can share ``w``.

    No array: :func:`evolife.factored.call` runs code written for arrays on it.
    """

    def __init__(self, w: Array, a: Array, b: Array) -> None:
        self.w, self.a, self.b = w, a, b

    def tree_flatten(self) -> tuple[tuple[Array, Array, Array], None]:
        """Expose the three factors to JAX."""
        return (self.w, self.a, self.b), None

    @classmethod
    def tree_unflatten(cls, _: None, children: tuple) -> "LowRankMatrix":
        """Rebuild from the three factors."""
        return cls(*children)

    @property
    def shape(self) -> tuple[int, ...]:
        """``(m, n)``."""
        return self.w.shape

    @property
    def dtype(self) -> Any:
        """The dtype of the entries."""
        return self.w.dtype

    @property
    def T(self) -> "LowRankMatrix":  # noqa: N802
        """The transpose, still in factors."""
        return LowRankMatrix(self.w.T, self.b, self.a)

    def materialise(self) -> Array:
        """Return the full ``(m, n)`` matrix."""
        return self.w + self.a @ self.b.T

    def product(
        self, x: Array, axis: int = 0, precision: Any = None, dtype: Any = None
    ) -> Array:
        """Contract the last axis of ``x`` with ``axis`` of the matrix: ``x @ matrix``.

        One product with the shared ``w``, and two thin ones for each rank. What is said
        of ``precision`` and ``dtype`` goes to ``jax.lax.dot_general``.
        """
        inner, outer = (self.b, self.a) if axis else (self.a, self.b)
        axes = ((x.ndim - 1,), (axis,)), ((), ())
        result = jax.lax.dot_general(x, self.w, axes, precision, dtype)
        # A sum over inputs as a product with ones: under vmap the plain ``x @ a`` is a
        # batch of dot products, which XLA's CPU code does not vectorise.
        ones = jnp.ones(inner.shape[0], inner.dtype)
        for i in range(inner.shape[1]):
            scale = jnp.matmul(x * inner[:, i], ones, precision=precision)
            result = result + scale[..., None] * outer[:, i]
        return result

    def part(self, rows: slice, columns: slice) -> "LowRankMatrix":
        """Some rows and columns, still in factors."""
        return LowRankMatrix(self.w[rows, columns], self.a[rows], self.b[columns])

    def window(self, starts: Sequence[Any], sizes: Sequence[int]) -> "LowRankMatrix":
        """As :meth:`part`, from places that may be traced."""
        cut = jax.lax.dynamic_slice_in_dim
        return LowRankMatrix(
            jax.lax.dynamic_slice(self.w, starts, sizes),
            cut(self.a, starts[0], sizes[0]),
            cut(self.b, starts[1], sizes[1]),
        )


class Layout(NamedTuple):
    """How one flat vector of normal numbers becomes a genome's perturbation."""

    treedef: Any
    shapes: tuple[tuple[int, ...], ...]
    rank: int

    def is_matrix(self, shape: tuple[int, ...]) -> bool:
        """Whether a leaf is perturbed by factors."""
        return len(shape) == 2 and self.rank > 0

    def lengths(self) -> list[int]:
        """How many numbers each leaf takes."""
        return [
            sum(s) * self.rank if self.is_matrix(s) else math.prod(s)
            for s in self.shapes
        ]

    @property
    def length(self) -> int:
        """How many numbers one pair of members takes."""
        return sum(self.lengths())

    @property
    def bound(self) -> float:
        """What no number of a perturbation is larger than."""
        factors = any(map(self.is_matrix, self.shapes))
        return LARGEST**2 * math.sqrt(self.rank) if factors else LARGEST


def layout(genome: Genome, rank: int) -> Layout:
    """Lay out perturbations of rank ``rank`` for genomes shaped like ``genome``.

    With rank 0 every number of a genome has a draw of its own.
    """
    leaves, treedef = jax.tree.flatten(genome)
    return Layout(treedef, tuple(leaf.shape for leaf in leaves), rank)


def draw(plan: Layout, key: Key, pair: Array) -> Array:
    """The ``(plan.length,)`` normal numbers of one antithetic pair."""
    return normal_row(key, pair, plan.length)


def split(plan: Layout, numbers: Array) -> list[Any]:
    """Cut ``(..., length)`` numbers into factors ``(a, b)`` or dense arrays by leaf."""
    parts: list[Any] = []
    start = 0
    for shape, length in zip(plan.shapes, plan.lengths(), strict=True):
        part = numbers[..., start : start + length]
        lead = part.shape[:-1]
        if plan.is_matrix(shape):
            cut = shape[0] * plan.rank
            a = part[..., :cut].reshape(*lead, shape[0], plan.rank)
            b = part[..., cut:].reshape(*lead, shape[1], plan.rank)
            parts.append((a, b))
        else:
            parts.append(part.reshape(*lead, *shape))
        start += length
    return parts


def perturb(
    plan: Layout, centre: Genome, key: Key, index: Array, sigma: Array
) -> Genome:
    """Member ``index``: the centre plus ``sigma`` times its signed perturbation."""
    sign = jnp.where(index % 2 == 0, 1.0, -1.0).astype(jnp.float32)
    scale = sign * sigma
    leaves = []
    for w, part in zip(
        jax.tree.leaves(centre), split(plan, draw(plan, key, index // 2)), strict=True
    ):
        if isinstance(part, tuple):
            a, b = part
            leaves.append(LowRankMatrix(w, a * (scale / math.sqrt(plan.rank)), b))
        else:
            leaves.append(w + scale * part)
    return jax.tree.unflatten(plan.treedef, leaves)


def weighted_sum(plan: Layout, numbers: Array, weights: Array) -> Genome:
    """Return ``sum_p weights[p] * perturbation_p`` per leaf, of ``(P, length)`` draws.

    One product ``A^T diag(w) B`` a matrix; memory is ``O(P (m + n) r)``.
    """
    leaves = []
    for part in split(plan, numbers):
        if isinstance(part, tuple):
            a, b = part
            a = a * (weights / math.sqrt(plan.rank))[:, None, None]
            leaves.append(jnp.einsum("pmr,pnr->mn", a, b))
        else:
            leaves.append(jnp.tensordot(weights, part, axes=1))
    return jax.tree.unflatten(plan.treedef, leaves)


def materialise(genome: Genome) -> Genome:
    """Replace every low-rank matrix by the full matrix it stands for."""
    return jax.tree.map(
        lambda leaf: leaf.materialise() if isinstance(leaf, LowRankMatrix) else leaf,
        genome,
        is_leaf=lambda leaf: isinstance(leaf, LowRankMatrix),
    )
