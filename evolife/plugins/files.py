"""Agents and environments by file: built in, in folders of yours, or installed."""

import ast
import contextlib
import importlib.metadata
import importlib.resources
import importlib.util
import inspect
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from evolife.errors import EvolifeError, InvalidInput, nearest
from evolife.plugins.imports import import_file, is_beside

KINDS = {"agents": "Agent", "envs": "Environment"}
"""Kinds of plug-in, and the class of ``evolife.base`` that each derives from."""

_PACKAGES = {
    **dict.fromkeys(("gymnax", "six", "sklearn"), "evolife[envs]"),
    **{name: name for name in ("brax", "equinox", "flax", "gymnasium", "optax")},
}
"""What to install for a missing module, where that is known."""


class _Found(NamedTuple):
    path: Path
    module: str | None
    """Name to import it by; None for a file loaded by its path."""


def file_of(plugin: Any) -> Path:
    """The file of a plug-in or its class; ``<notebook>`` for one that has none."""
    cls = plugin if inspect.isclass(plugin) else type(plugin)
    try:
        return Path(inspect.getfile(cls))
    except (OSError, TypeError):
        return Path("<notebook>")


def names(kind: str, plugins: Sequence[str] = ()) -> dict[str, Path]:
    """The plug-ins of ``kind``, ``agents`` or ``envs``: the file of each by name.

    ``plugins`` are folders that hold ``agents/*.py`` or ``envs/*.py``.

    Raises:
        InvalidInput: if a folder holds neither, or two files claim one name.
    """
    return {name: found.path for name, found in _find(kind, tuple(plugins)).items()}


def summary(path: Path) -> str:
    """First line of a file's docstring, read without importing it.

    Raises:
        InvalidInput: if the file cannot be read as Python.
    """
    with plugin_errors(f"plug-in {path.stem}", path):
        docstring = ast.get_docstring(ast.parse(path.read_bytes(), str(path)))
    return (docstring or "").partition("\n")[0]


def load(kind: str, name: str, plugins: Sequence[str] = ()) -> type:
    """Import a plug-in's file and take its one public concrete class.

    Raises:
        InvalidInput: for an unknown name, a file that fails to import, or one that
            does not define exactly one such class.
    """
    found = _find(kind, tuple(plugins))
    if name not in found:
        raise InvalidInput(f"{kind} '{name}': {unknown(name, found)}")
    what = f"{KINDS[kind].lower()} '{name}'"
    with plugin_errors(what, found[name].path):
        return _only_class(kind, what, _import(*found[name]), found[name].path)


def unknown(name: str, allowed: Sequence[str] | dict[str, _Found]) -> str:
    """Say that ``name`` is none of ``allowed``."""
    return f"no such name; there are: {', '.join(allowed)}{nearest(name, allowed)}"


@contextlib.contextmanager
def plugin_errors(what: str, path: Path, refusal: bool = False) -> Iterator[None]:
    """Turn whatever a plug-in raises into one message that names its file and line.

    With ``refusal``, a ValueError is the plug-in's own word on its hyperparameters,
    and is passed on as it is.
    """
    try:
        yield
    except EvolifeError:
        raise
    except (Exception, SystemExit) as error:
        if refusal and isinstance(error, ValueError):
            raise InvalidInput(f"{what}: {error}") from error
        raise InvalidInput(f"{_place(error, path)}: {what}: {_say(error)}") from error


def _place(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    places = [(f.filename, f.lineno) for f in frames if is_beside(f.filename, path)]
    return "{}:{}".format(*places[-1]) if places else str(path)


def _say(error: BaseException) -> str:
    module = error.name if isinstance(error, ModuleNotFoundError) else None
    if module in _PACKAGES:
        return (
            f"needs the package '{module}', which is not installed; "
            f"run: pip install '{_PACKAGES[module]}'"
        )
    if module and not module.startswith("evolife"):
        return (
            f"needs the module '{module}', which is missing: it is neither installed "
            "nor beside the plug-in"
        )
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {message.strip() or 'no message'}"


def _find(kind: str, plugins: tuple[str, ...]) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    candidates = (*_built_in(kind), *_in_folders(kind, plugins), *_installed(kind))
    for name, candidate in candidates:
        other = found.setdefault(name, candidate)
        if other.path.resolve() != candidate.path.resolve():
            raise InvalidInput(
                f"{kind} '{name}': two files claim this name: {other.path} and "
                f"{candidate.path}; rename one"
            )
    return found


def _sources(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.py")) if path.name[0] != "_"]


def _built_in(kind: str) -> Iterator[tuple[str, _Found]]:
    package = f"evolife.{kind}"
    for path in _sources(Path(str(importlib.resources.files(package)))):
        yield path.stem, _Found(path, f"{package}.{path.stem}")


def _in_folders(kind: str, plugins: tuple[str, ...]) -> Iterator[tuple[str, _Found]]:
    for name in plugins:
        folder = Path(name)
        if not folder.is_dir():
            raise InvalidInput(
                f"plugins: there is no folder {folder}; say where it is now: --plugins "
                "DIR, or plugins=[DIR] in Python"
            )
        if not any((folder / kind).is_dir() for kind in KINDS):
            raise InvalidInput(
                f"plugins: {folder} has no folder agents/ or envs/; put plug-ins there"
            )
        for path in _sources(folder / kind):
            yield path.stem, _Found(path, None)


def _installed(kind: str) -> Iterator[tuple[str, _Found]]:
    for entry in importlib.metadata.entry_points(group=f"evolife.{kind}"):
        problem = "no such module"
        spec = None
        try:
            spec = importlib.util.find_spec(entry.module)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        if spec is None or spec.origin is None:
            owner = entry.dist.name if entry.dist else "an installed package"
            raise InvalidInput(
                f"{kind} '{entry.name}': entry point {entry.value} of {owner} cannot "
                f"be found: {problem}; repair or uninstall {owner}"
            )
        yield entry.name, _Found(Path(spec.origin), entry.module)


def _import(path: Path, module: str | None) -> ModuleType:
    if module is not None:
        return importlib.import_module(module)
    return import_file(path)


def _only_class(kind: str, what: str, module: ModuleType, path: Path) -> type:
    from evolife import base

    parent = getattr(base, KINDS[kind])
    own = [
        value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, parent)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]
    concrete = list(dict.fromkeys(cls for cls in own if not inspect.isabstract(cls)))
    wanted = f"one public subclass of evolife.base.{KINDS[kind]}"
    if len(concrete) > 1:
        several = ", ".join(cls.__name__ for cls in concrete)
        raise InvalidInput(
            f"{path}: {what}: needs {wanted}, has {several}; start helpers with '_'"
        )
    if not concrete:
        missing = ((c.__name__, getattr(c, "__abstractmethods__", ())) for c in own)
        lacks = [f"; {name} lacks {', '.join(sorted(m))}" for name, m in missing]
        raise InvalidInput(f"{path}: {what}: needs {wanted}, has none{''.join(lacks)}")
    if "__dataclass_fields__" not in vars(concrete[0]):
        raise InvalidInput(
            f"{path}: {what}: {concrete[0].__name__} is not a dataclass; decorate it "
            "with @dataclasses.dataclass(frozen=True)"
        )
    return concrete[0]
