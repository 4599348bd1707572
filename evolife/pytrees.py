"""A pytree as a list of named raw arrays, and back: for checkpoints and digests."""

import dataclasses
import functools
import hashlib
import itertools
from typing import Any

import numpy as np

from evolife.errors import InvalidInput


@dataclasses.dataclass(frozen=True)
class Leaf:
    """One leaf: its name in the tree, what it is, and its numbers."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    key: str | None
    """Name of the PRNG whose key data this is; None for anything but typed keys."""
    raw: np.ndarray
    """The numbers; types unknown to NumPy's own files as unsigned integers."""

    @property
    def described(self) -> dict[str, Any]:
        """Everything but the numbers, for JSON."""
        kind = {"name": self.name, "dtype": self.dtype, "shape": list(self.shape)}
        return {**kind, "key": self.key}

    @classmethod
    def of(cls, described: dict[str, Any], raw: np.ndarray) -> "Leaf":
        """Join what ``described`` gave with the numbers read back."""
        shape = tuple(described["shape"])
        return cls(described["name"], described["dtype"], shape, described["key"], raw)

    def value(self) -> np.ndarray:
        """Return the numbers in their own type."""
        return self.raw.view(np.dtype(self.dtype)).reshape(self.shape)


def take_apart(tree: Any) -> list[Leaf]:
    """Return the leaves of ``tree`` in JAX's order.

    Raises ``TypeError`` naming a leaf that is neither a number, an array nor a key.
    """
    import jax

    values, structure = jax.tree_util.tree_flatten(tree)
    names = _names(structure)
    return [_leaf(name, value) for name, value in zip(names, values, strict=True)]


def rebuild(template: Any, leaves: list[Leaf]) -> Any:
    """Return ``leaves`` as a tree like ``template``: NumPy where that is NumPy.

    Raises ``InvalidInput`` naming the first leaf that differs in name, shape or type.
    """
    import jax

    models, structure = jax.tree_util.tree_flatten(template)
    words = [_words(model) for model in models]
    expected = list(zip(_names(structure), words, strict=True))
    _check(expected, [(leaf.name, _stored_words(leaf)) for leaf in leaves])
    pairs = zip(leaves, models, strict=True)
    values = [_restored(leaf, model) for leaf, model in pairs]
    return jax.tree_util.tree_unflatten(structure, values)


def to_bytes(leaves: list[Leaf]) -> bytes:
    """The numbers of all leaves, end to end."""
    return b"".join(leaf.raw.tobytes() for leaf in leaves)


def from_bytes(leaves: list[Leaf], content: bytes) -> list[Leaf]:
    """Leaves like these, of the numbers that :func:`to_bytes` laid end to end."""
    cut: list[Leaf] = []
    start = 0
    for leaf in leaves:
        end = start + leaf.raw.nbytes
        raw = np.frombuffer(content[start:end], leaf.raw.dtype)
        cut.append(Leaf.of(leaf.described, raw.reshape(leaf.raw.shape).copy()))
        start = end
    return cut


def digest(tree: Any) -> bytes:
    """Return 8 bytes that are equal for equal trees: names, types, shapes, bits."""
    hasher = hashlib.blake2b(digest_size=8)
    for leaf in take_apart(tree):
        header = f"{leaf.name}|{leaf.dtype}|{leaf.shape}|{leaf.key};"
        hasher.update(header.encode())
        hasher.update(leaf.raw.reshape(-1).view(np.uint8).data)
    return hasher.digest()


@functools.lru_cache(maxsize=64)
def _names(structure: Any) -> tuple[str, ...]:
    import jax

    tree = jax.tree_util.tree_unflatten(structure, range(structure.num_leaves))
    paths = jax.tree_util.tree_flatten_with_path(tree)[0]
    return tuple(jax.tree_util.keystr(path) for path, _ in paths)


def _is_key(value: Any) -> bool:
    import jax

    dtype = getattr(value, "dtype", None)
    return dtype is not None and jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key)


def _leaf(name: str, value: Any) -> Leaf:
    import jax

    key = str(jax.random.key_impl(value)) if _is_key(value) else None
    array = np.asarray(jax.random.key_data(value) if key else value, order="C")
    if array.dtype.kind not in "biufcV" or array.dtype.names:
        raise TypeError(f"leaf {name} is a {type(value).__name__}, not numbers")
    raw = array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if array.dtype.kind == "V":
        raw = array.view(f"u{array.dtype.itemsize}")
    return Leaf(name, array.dtype.name, array.shape, key, raw)


def _check(expected: list[tuple[str, str]], found: list[tuple[str, str]]) -> None:
    """Compare (name, words) pairs in order; raise at the first that differs."""
    for wanted, given in itertools.zip_longest(expected, found):
        if wanted != given:
            raise InvalidInput(
                f"checkpoint of another config: it holds {_phrase(given)} where this "
                f"config has {_phrase(wanted)}; resume with the run's own config.yaml"
            )


def _phrase(pair: tuple[str, str] | None) -> str:
    return f"{pair[0] or 'one leaf'} ({pair[1]})" if pair else "nothing"


def _words(value: Any) -> str:
    """Return type and shape of a template's leaf, which may be a shape only."""
    array = value if hasattr(value, "dtype") else np.asarray(value)
    return f"{array.dtype.name}{list(array.shape)}"


def _stored_words(leaf: Leaf) -> str:
    """Return what ``_words`` says of the leaf that was saved."""
    import jax

    if leaf.key is None:
        return f"{leaf.dtype}{list(leaf.shape)}"
    data = jax.ShapeDtypeStruct(leaf.shape, np.dtype(leaf.dtype))
    wrap = functools.partial(jax.random.wrap_key_data, impl=_generator(leaf.key))
    return _words(jax.eval_shape(wrap, data))


def _restored(leaf: Leaf, model: Any) -> Any:
    import jax

    value = leaf.value()
    if leaf.key is not None:
        return jax.random.wrap_key_data(
            jax.numpy.asarray(value), impl=_generator(leaf.key)
        )
    if isinstance(model, np.ndarray):
        return value
    if isinstance(model, np.generic):
        return value[()]
    return jax.numpy.array(value) if hasattr(model, "dtype") else value.item()


def _generator(name: str) -> Any:
    """The generator of that name; JAX keeps no register of those it did not make."""
    from evolife.keys import GENERATORS

    return GENERATORS.get(name, name)
