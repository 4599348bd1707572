"""scikit-learn's 8x8 digits (Alpaydin & Kaynak 1998), split, scaled and shuffled."""

import functools
import math
from typing import NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from evolife.base import Array, Key

TRAIN = 297
"""Images of the split to choose by; the others are to report."""


@functools.cache
def load_images(
    split: str, classes: int, features: int
) -> tuple[np.ndarray, np.ndarray]:
    """Scaled images ``(n, features)`` and their digits ``(n,)``, shuffled for good."""
    from sklearn.datasets import load_digits

    pixels, kinds = load_digits(return_X_y=True)
    side = math.isqrt(features)
    blocks = pixels.reshape(-1, side, 8 // side, side, 8 // side)
    images = blocks.mean(axis=(2, 4)).reshape(-1, features)
    images -= images[:TRAIN].mean(axis=0)
    images /= images[:TRAIN].std()
    part = np.arange(TRAIN) if split == "train" else np.arange(TRAIN, len(kinds))
    chosen = np.random.default_rng(0).permutation(part[kinds[part] < classes])
    return images[chosen].astype(np.float32), kinds[chosen].astype(np.int32)


@functools.cache
def by_class(split: str, classes: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of each class's images ``(classes, most)``, and how many ``(classes,)``.

    Rows of fewer images are filled up with zeros.
    """
    kinds = load_images(split, classes, features)[1]
    places = [np.flatnonzero(kinds == kind) for kind in range(classes)]
    counts = np.array([len(row) for row in places], np.int32)
    table = np.zeros((classes, counts.max()), np.int32)
    for row, found in zip(table, places, strict=True):
        row[: len(found)] = found
    return table, counts


class Walk(NamedTuple):
    """A walk through the images, ``stride`` of them a step."""

    order: Array
    """``(features,)`` int32: the pixel that each feature is taken from."""
    stride: Array
    image: Array

    @classmethod
    def drawn(
        cls, key: Key, split: str, classes: int, features: int, permute: bool
    ) -> Self:
        """A walk that visits every image before it comes to one again."""
        shuffle, pace, place = jax.random.split(key, 3)
        count = len(load_images(split, classes, features)[1])
        # A stride that shares no factor with the count visits every image in turn.
        strides = [n for n in range(1, count) if math.gcd(n, count) == 1]
        order = jnp.arange(features, dtype=jnp.int32)
        if permute:
            order = jax.random.permutation(shuffle, order)
        stride = jax.random.choice(pace, jnp.array(strides, jnp.int32))
        return cls(order, stride, jax.random.randint(place, (), 0, count))
