"""Synthetic classes: samples around random points, seen through a random projection."""

import functools
import math
from typing import NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from evolife.base import Array, Key

_SPREAD = 0.628
"""Standard deviation of tanh(x) for a standard normal x."""


class Prototypes(NamedTuple):
    """Classes ``p ~ N(0, I)``, and what their samples are seen through."""

    prototypes: Array
    """``(classes, latent)``."""
    projection: Array
    """``(latent, features)``."""

    @classmethod
    def drawn(cls, key: Key, classes: int, latent: int, features: int) -> Self:
        """Draw classes and a projection of entries ``N(0, 1 / latent)``."""
        points, matrix = jax.random.split(key)
        points = jax.random.normal(points, (classes, latent))
        matrix = jax.random.normal(matrix, (latent, features))
        return cls(points, matrix / math.sqrt(latent))

    def sample(self, kind: Array, luck: Array, noise: float) -> Array:
        """Features ``tanh(z W)`` of ``z = (p + noise e) / sqrt(1 + noise^2)``, scaled.

        ``luck`` holds ``(latent,)`` numbers uniform on (-1, 1), of which normal ``e``
        are made. Features have variance 1, or nearly so.
        """
        mine = (jnp.arange(len(self.prototypes)) == kind).astype(jnp.float32)
        offset = math.sqrt(2) * jax.lax.erf_inv(luck)
        sample = mine @ self.prototypes + noise * offset
        sample /= math.sqrt(1 + noise**2)
        return jnp.tanh(sample @ self.projection) / _SPREAD


@functools.cache
def nearest_is_own(classes: int, latent: int, noise: float) -> float:
    """Chance that a sample's own prototype is the nearest, over 20,000 samples.

    Other prototypes lie at squared distances from a sample z that follow the noncentral
    chi-square distribution of ``latent`` degrees with noncentrality ``|z|^2``.
    """
    from scipy import stats

    rng = np.random.default_rng(1998)
    own, offset = rng.normal(size=(2, 20_000, latent))
    near = noise**2 * (offset**2).sum(axis=1)
    far = ((own + noise * offset) ** 2).sum(axis=1)
    return float(np.mean(stats.ncx2.sf(near, latent, far) ** (classes - 1)))
