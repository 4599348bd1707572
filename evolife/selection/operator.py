"""The learned selection operator: attention over the members of a generation.

An induced set attention block (Lee et al. 2019, "Set Transformer", section 3.1): a few
learned queries look at all members, and every member looks at what they saw. The cost
grows with K, not with its square; nothing depends on the order of members; and since
every sum over members is a mean, weights learned at one K mean the same at another.
"""

import dataclasses
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge, Le

from evolife.base import Array, Key


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Hyperparameters of an operator."""

    features: int = 13
    """Numbers seen of each member."""
    width: Annotated[int, Ge(1), Le(32)] = 16
    """Size of the hidden layers."""
    queries: Annotated[int, Ge(1), Le(16)] = 4
    """Learned queries that look at all members."""
    signed: bool = False
    """Whether members may weigh less than nothing."""


class Operator(NamedTuple):
    """Parameters; what backprop trains."""

    embed: Array
    """``(F + 1, H)``, the last row a bias, as in all below."""
    queries: Array
    """``(M, H)``."""
    looked: Array
    """``(H, 2 H)``: keys and values of members."""
    asked: Array
    """``(H, H)``: queries of members."""
    mixed: Array
    """``(2 H + 1, H)``."""
    judged: Array
    """``(H + 1, 2)``: logits of being followed and of being fled from."""
    anchor: Array
    """``(2,)``: slope of the first logits in rank; logit of the part fled from."""


def init(key: Key, shape: Architecture) -> Operator:
    """Draw an operator that begins as softmax(4 rank) with small disturbances."""
    width = shape.width

    def draw(number: int, rows: int, columns: int, gain: float = 1.0) -> Array:
        drawn = jax.random.normal(jax.random.fold_in(key, number), (rows, columns))
        return drawn * gain / jnp.sqrt(rows)

    return Operator(
        embed=draw(0, shape.features + 1, width),
        queries=draw(1, shape.queries, width),
        looked=draw(2, width, 2 * width),
        asked=draw(3, width, width),
        mixed=draw(4, 2 * width + 1, width),
        judged=draw(5, width + 1, 2, 0.1),
        anchor=jnp.array([4.0, -2.0]),
    )


def size(operator: Operator) -> int:
    """How many numbers backprop trains."""
    return sum(leaf.size for leaf in operator)


def logits(operator: Operator, seen: Array, ranks: Array) -> Array:
    """``(K, 2)`` logits of ``(K, F)`` features and ``(K,)`` ranks."""
    hidden = jnp.tanh(_affine(seen, operator.embed))
    width = hidden.shape[-1]
    key, value = jnp.split(hidden @ operator.looked, 2, axis=-1)
    scale = 1 / jnp.sqrt(width)
    summary = jax.nn.softmax(operator.queries @ key.T * scale, axis=-1) @ value
    asked = hidden @ operator.asked
    context = jax.nn.softmax(asked @ summary.T * scale, axis=-1) @ summary
    joined = jnp.concatenate([hidden, context], axis=-1)
    judged = _affine(jnp.tanh(_affine(joined, operator.mixed)), operator.judged)
    slope = jnp.stack([operator.anchor[0], -operator.anchor[0]])
    return judged + ranks[:, None] * slope


def weigh(operator: Operator, seen: Array, ranks: Array, signed: bool) -> Array:
    """``(K,)`` weights: softmax(a), of sum 1; if ``signed``, minus g softmax(b)."""
    followed, fled = jnp.moveaxis(
        jax.nn.softmax(logits(operator, seen, ranks), axis=0), -1, 0
    )
    if not signed:
        return followed
    return followed - jax.nn.sigmoid(operator.anchor[1]) * fled


def _affine(values: Array, weights: Array) -> Array:
    return values @ weights[:-1] + weights[-1]
