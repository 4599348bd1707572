"""What all lanes of a batch have in common, so that work none of them needs is left.

Under ``vmap`` a branch on a value that differs from lane to lane becomes a selection
between branches that are all computed. A branch on what is found here stays a branch.
"""

from typing import Any

import jax

from evolife.base import Array


@jax.custom_batching.custom_vmap
def largest(value: Array) -> Array:
    """The largest of ``value`` over all lanes of every enclosing ``vmap``.

    Alone, ``value`` itself. For deciding what to compute only: a result that depends on
    it other than in cost would let lanes influence each other.
    """
    return value


@largest.def_vmap
def _over_lanes(size: int, batched: list[bool], value: Array) -> tuple[Any, bool]:
    del size, batched
    return largest(value.max(axis=0)), False
