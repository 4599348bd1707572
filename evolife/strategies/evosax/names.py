"""What evosax calls its algorithms, and what is to be said of each; needs no JAX."""

import ast
import functools
import importlib.util
from pathlib import Path

from evolife.strategies.evosax.differences import DIFFERENCES


@functools.cache
def algorithms() -> dict[str, str]:
    """A line on every algorithm, by its name in evosax."""
    return {name: _summary(name) for name in _read() or _imported()}


def _summary(name: str) -> str:
    """Marked where evosax does otherwise than the algorithm's paper."""
    if name not in DIFFERENCES:
        return "algorithm of evosax"
    does, instead = (part.replace("`", "") for part in DIFFERENCES[name])
    return f"algorithm of evosax (differs from its paper: {does}; instead: {instead})"


def _read() -> tuple[str, ...]:
    """Keys of evosax's two tables, read from its files; nothing where they moved."""
    spec = importlib.util.find_spec("evosax")
    folders = (spec.submodule_search_locations if spec else None) or ()
    found: list[str] = []
    for kind in ("distribution_based", "population_based"):
        for folder in folders:
            file = Path(folder) / "algorithms" / kind / "__init__.py"
            if not file.is_file():
                return ()
            found += _keys(ast.parse(file.read_bytes()), f"{kind}_algorithms")
    return tuple(found)


def _keys(tree: ast.Module, name: str) -> list[str]:
    """Keys of the dict that a module assigns to ``name``."""
    for statement in tree.body:
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        value = getattr(statement, "value", None)
        named = any(isinstance(t, ast.Name) and t.id == name for t in targets)
        if named and isinstance(value, ast.Dict):
            return [str(k.value) for k in value.keys if isinstance(k, ast.Constant)]
    return []


def _imported() -> tuple[str, ...]:
    from evosax.algorithms import algorithms

    return tuple(algorithms)
