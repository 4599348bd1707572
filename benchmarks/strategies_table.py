"""The tables of evosax's algorithms in docs/strategies.md, read off the code.

``python benchmarks/strategies_table.py`` prints them; ``--write`` puts them there.
"""

import sys
import warnings
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from evosax.algorithms import algorithms, population_based_algorithms

from evolife.errors import InvalidInput
from evolife.strategies.evosax import settings as evosax_settings
from evolife.strategies.evosax import strategy as evosax
from evolife.strategies.evosax.differences import DIFFERENCES
from evolife.strategies.evosax.tables import DEFAULTS, NOTES, REFUSED, SETTABLE
from evolife.strategies.evosax.weights import READS

PAGE = Path(__file__).parents[1] / "docs" / "strategies.md"
COLUMNS = ("name", "kind", "runs", "population", "selection", "settings", "notes")

_SIZES = range(1, 13)


def table() -> str:
    """The whole table as Markdown, one row an algorithm."""
    head = [" | ".join(COLUMNS), " | ".join("---" for _ in COLUMNS)]
    rows = [" | ".join(row(name)) for name in algorithms]
    return "".join(f"| {line} |\n" for line in (*head, *rows))


def differences() -> str:
    """Where algorithms do otherwise than their papers, as Markdown."""
    rows = ["algorithm | what evosax 0.3.2 does | use instead", "--- | --- | ---"]
    rows += [f"`{name}` | {does} | {use}" for name, (does, use) in DIFFERENCES.items()]
    return "".join(f"| {line} |\n" for line in rows)


def row(name: str) -> tuple[str, ...]:
    """One algorithm, in the order of COLUMNS."""
    kind = "population" if name in population_based_algorithms else "distribution"
    if name in REFUSED:
        return (f"`{name}`", kind, f"no: {REFUSED[name]}", "", "", "", "")
    notes = NOTES.get(name, "")
    population, given = sizes(name), settings(name)
    return (f"`{name}`", kind, "yes", population, READS[name], given, notes)


def sizes(name: str) -> str:
    """Populations that the algorithm takes with default settings, in words."""
    taken = [size for size in _SIZES if _takes(name, size)]
    smallest = taken[0]
    for step, word in ((1, "any"), (2, "even"), (4, "a multiple of 4")):
        if taken == list(range(smallest, _SIZES.stop, step)):
            return word if smallest == step else f"{word}, at least {smallest}"
    return f"of 1 to {_SIZES.stop - 1}: {', '.join(map(str, taken))}"


def settings(name: str) -> str:
    """Keys with their defaults; those that follow from the sizes come last."""
    shown, derived = [], []
    small, large = (_defaults(name, *sizes) for sizes in ((8, 6), (12, 10)))
    for key, value in small.items():
        if _plain(value) == _plain(large[key]) is not None:
            mark = "\\*" if key in DEFAULTS.get(name, {}) else ""
            shown.append(f"`{key}: {_plain(value)}`{mark}")
        else:
            derived.append(f"`{key}`")
    tail = [f"by size: {', '.join(derived)}"] if derived else []
    return "; ".join([", ".join(shown), *tail] if shown else tail) or "none"


def _takes(name: str, size: int) -> bool:
    genome = jax.ShapeDtypeStruct((6,), jnp.float32)
    try:
        evosax.build(name, size, {}, None, genome)
    except InvalidInput:
        return False
    return True


def _defaults(name: str, size: int, dimensions: int) -> dict[str, Any]:
    algorithm, params = evosax_settings.build_algorithm(name, size, dimensions, {})
    evolifes = evosax_settings.with_defaults(name, {})
    constructor = evosax_settings.constructor_settings(name)
    fields = evosax_settings.params_settings(name)
    return {
        **{key: evolifes.get(key, default) for key, default in constructor.items()},
        **{key: getattr(algorithm, key) for key in SETTABLE.get(name, ())},
        **{key: getattr(params, key) for key in fields},
        **{key: evolifes[key] for key in evosax_settings.own_settings(name)},
    }


def _plain(value: Any) -> str | None:
    """A value as YAML; None for arrays, which follow from the sizes."""
    if isinstance(value, dict):
        inside = ", ".join(f"{key}: {_plain(item)}" for key, item in value.items())
        return f"{{{inside}}}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return value
    if jnp.ndim(value):
        return None
    return f"{float(value):.6g}"


def main() -> None:
    """Print the tables, or write them into the page."""
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    tables = {"table": table(), "differences": differences()}
    if "--write" not in sys.argv[1:]:
        print("\n".join(tables.values()), end="")
        return
    page = PAGE.read_text()
    for mark, text in tables.items():
        begin, end = f"<!-- {mark}: begin -->\n", f"<!-- {mark}: end -->\n"
        before, rest = page.split(begin)
        page = f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}"
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
