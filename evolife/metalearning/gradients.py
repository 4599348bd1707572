"""Small operations on gradients as pytrees."""

from typing import Any

import jax
import jax.numpy as jnp

from evolife.base import Array


def all_finite(tree: Any) -> Array:
    """Whether every number of every leaf is finite."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(tree)]))


def zeros_like(tree: Any) -> Any:
    """Zeros in the shapes of a tree."""
    return jax.tree.map(jnp.zeros_like, tree)


def clipped(slope: Any, longest: float) -> Any:
    """The gradient, shortened to ``longest`` where it is longer."""
    length = jnp.sqrt(
        sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(slope)) + 1e-20
    )
    factor = jnp.minimum(1.0, longest / length)
    return jax.tree.map(lambda leaf: leaf * factor, slope)
