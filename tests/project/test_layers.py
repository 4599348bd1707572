"""No room of evolife imports from a higher floor, lazily and for types included.

Nor does the engine know a config, a folder or a terminal.
"""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import evolife
from tests.paths import ROOT as REPOSITORY

ROOT = Path(evolife.__file__).parent

FLOORS = (
    {
        *("additive", "base", "errors", "drawing", "factored", "keys", "parts"),
        *("perturbations", "pytrees", "strict_json", "version"),
    },
    {"agents", "envs", "launch"},
    {"strategies", "ranks", "config"},
    {"storage", "processes"},
    {"selection", "dashboard", "console", "sweeps"},
    {"engine", "plugins"},
    {"run", "metalearning", "results"},
    {"reports"},
    {"commands"},
)
"""Rooms from the ground up; what stands on one floor may know each other."""

OUTSIDE_THE_ENGINE = {"config", "storage", "console", "dashboard"}

MOVING = {
    "__init__": "commands",
    "__main__": "commands",
    "cli": "commands",
}
"""Where those belong that do not stand in their room yet."""


def modules() -> dict[str, Path]:
    """Every module by its path below evolife/, as ``sweeps/pool``."""
    found = {}
    # Agents and environments are links, which rglob passes over.
    folders = [Path(folder) for folder, _, _ in os.walk(ROOT, followlinks=True)]
    for path in sorted(path for folder in folders for path in folder.glob("*.py")):
        name = path.relative_to(ROOT).with_suffix("").as_posix()
        found[name.removesuffix("/__init__")] = path
    return found


MODULES = modules()


def room(module: str) -> str:
    """The room a module belongs to, by the longest part of its path that is known."""
    parts = module.split("/")
    for length in range(len(parts), 0, -1):
        known = MOVING.get("/".join(parts[:length]))
        if known:
            return known
    return parts[0]


def floor(module: str) -> int:
    return next(at for at, rooms in enumerate(FLOORS) if room(module) in rooms)


def imported(path: Path) -> Iterator[str]:
    """Modules of evolife that a file imports anywhere in its text."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.split(".")[0] == "evolife":
                yield _module_of(name)


def _module_of(name: str) -> str:
    parts = name.split(".")[1:]
    while parts and "/".join(parts) not in MODULES:
        parts.pop()
    return "/".join(parts) or "__init__"


def arrows() -> set[str]:
    """Imports that should not be, one a line."""
    return {
        f"{module} -> {other}"
        for module, path in MODULES.items()
        for other in imported(path)
        if floor(other) > floor(module)
        or (room(module) == "engine" and room(other) in OUTSIDE_THE_ENGINE)
    }


@pytest.mark.parametrize("module", MODULES)
def test_every_module_stands_in_a_room(module):
    assert any(room(module) in rooms for rooms in FLOORS), "name its room above"


def test_nothing_is_said_to_move_that_is_not_there():
    folders = {"/".join(name.split("/")[:-1]) for name in MODULES}
    assert set(MOVING) - {"__init__"} <= set(MODULES) | folders


def test_no_room_imports_from_a_higher_floor():
    assert not arrows()


def test_the_tests_have_the_same_rooms():
    tests = {file.parent.name for file in (REPOSITORY / "tests").glob("*/test_*.py")}
    rooms = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert tests == rooms - {"launch"} | {"project", "end_to_end"}
