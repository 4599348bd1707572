"""Trees of arrays in a plug-in author's words, where two of them should be alike."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """The first place where two trees are not built alike."""

    place: str
    """Such as ``.observation`` or ``['eye'][0]``; empty for the whole."""
    found: str
    wanted: str


def difference(found: Any, wanted: Any, place: str = "") -> Difference | None:
    """Where two trees differ in structure, nearest to the root; None where nowhere."""
    inside, like = _children(found), _children(wanted)
    if type(found) is not type(wanted) and not (inside is like is None):
        return Difference(place, in_words(found), in_words(wanted))
    if inside is None or like is None:
        return None
    if inside.keys() != like.keys():
        return Difference(place, in_words(found), in_words(wanted))
    for key, child in inside.items():
        found_below = difference(child, like[key], f"{place}{key}")
        if found_below is not None:
            return found_below
    return None


def in_words(tree: Any) -> str:
    """``a dict of 'eye': float32[2] and 'ear': float32[1]``, and so on."""
    if tree is None:
        return "None"
    if hasattr(tree, "dtype") and hasattr(tree, "shape"):
        return f"{tree.dtype}{list(tree.shape)}"
    children = _children(tree)
    if children is None:
        return type(tree).__name__
    if isinstance(tree, Mapping):
        parts = [f"{key!r}: {in_words(child)}" for key, child in tree.items()]
    else:
        parts = [in_words(child) for child in children.values()]
    kind = type(tree).__name__
    return f"a {kind} of {', '.join(parts)}" if parts else f"an empty {kind}"


def _children(tree: Any) -> dict[str, Any] | None:
    """What a container holds, by how it is reached; None for what is no container."""
    if isinstance(tree, Mapping):
        return {f"[{key!r}]": child for key, child in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return {f".{name}": getattr(tree, name) for name in tree._fields}
    if isinstance(tree, list | tuple):
        return {f"[{index}]": child for index, child in enumerate(tree)}
    return {} if tree is None else None
