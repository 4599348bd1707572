"""Plug-ins by file: built in, in folders of yours, or installed."""

import ast
import contextlib
import importlib.metadata
import importlib.util
import inspect
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from evolife.errors import EvolifeError, InvalidInput, nearest
from evolife.plugins.imports import import_file, is_beside
from evolife.plugins.kinds import FOLDERS, KINDS

_PACKAGES = {
    **dict.fromkeys(("gymnax", "six", "sklearn"), "evolife[envs]"),
    **{name: name for name in ("brax", "equinox", "flax", "gymnasium", "optax")},
}
"""What to install for a missing module, where that is known."""


class Plugin(NamedTuple):
    """What a name stands for."""

    path: Path | None
    """Its file; None for what is no file, such as an algorithm of evosax."""
    module: str | None = None
    """Name to import it by; None for a file that is loaded by its path."""
    broken: str = ""
    """Why it cannot be used."""
    meaning: str = ""
    """What it is, where there is no file to say so."""


def file_of(plugin: Any) -> Path:
    """The file of a plug-in or its class; ``<notebook>`` for one that has none."""
    cls = plugin if inspect.isclass(plugin) else type(plugin)
    try:
        return Path(inspect.getfile(cls))
    except (OSError, TypeError):
        return Path("<notebook>")


def find(kind: str, plugins: Sequence[str] = ()) -> dict[str, Plugin]:
    """All of ``kind``, one of ``KINDS``, by name; whatever is broken says so itself.

    ``plugins`` are folders that hold ``agents/*.py``, ``strategies/*.py`` and so on.

    Raises:
        InvalidInput: if a folder is missing, or holds no kind of plug-in.
    """
    found: dict[str, Plugin] = {}
    files = (*_built_in(kind), *_in_folders(kind, plugins), *_installed(kind))
    for name, file in files:
        other = found.setdefault(name, file)
        if not _same_file(other, file):
            broken = f"two files claim this name: {other.path} and {file.path}"
            found[name] = file._replace(broken=f"{broken}; rename one")
    for name, meaning in KINDS[kind].others().items():
        other = found.setdefault(name, Plugin(None, meaning=meaning))
        if other.path is not None:
            broken = f"this name is taken ({meaning}); rename {other.path}"
            found[name] = other._replace(broken=broken)
    return found


def names(kind: str, plugins: Sequence[str] = ()) -> tuple[str, ...]:
    """The names that :func:`find` finds, those of broken plug-ins too."""
    return tuple(find(kind, plugins))


def summary(plugin: Plugin) -> str:
    """First line of its file's docstring, read without running it.

    Raises:
        InvalidInput: if it is broken, or the file cannot be read as Python.
    """
    if plugin.broken:
        raise InvalidInput(plugin.broken)
    if plugin.path is None:
        return plugin.meaning
    with plugin_errors(f"plug-in {plugin.path.stem}", plugin.path):
        source = plugin.path.read_bytes()
        docstring = ast.get_docstring(ast.parse(source, str(plugin.path)))
    return (docstring or "").partition("\n")[0]


def load(kind: str, name: str, plugins: Sequence[str] = ()) -> type:
    """Import a plug-in's file and take its one public concrete class.

    Raises:
        InvalidInput: for an unknown name, a file that fails to import, or one that
            does not define exactly one such class.
    """
    known = find(kind, plugins)
    if name not in known:
        raise InvalidInput(f"{kind} '{name}': {unknown(name, tuple(known))}")
    plugin = known[name]
    if plugin.broken or plugin.path is None:
        reason = plugin.broken or f"{plugin.meaning}, which is no file"
        raise InvalidInput(f"{kind} '{name}': {reason}")
    what = f"{KINDS[kind].noun} '{name}'"
    with plugin_errors(what, plugin.path):
        module = _import(plugin.path, plugin.module)
        return _only_class(KINDS[kind].contract, what, module, plugin.path)


def unknown(name: str, allowed: Sequence[str]) -> str:
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


def _same_file(one: Plugin, other: Plugin) -> bool:
    paths = [plugin.path and plugin.path.resolve() for plugin in (one, other)]
    return paths[0] == paths[1]


def _sources(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.py")) if path.name[0] != "_"]


def _built_in(kind: str) -> Iterator[tuple[str, Plugin]]:
    package = KINDS[kind].package
    # Found and not imported: what a package holds may need JAX, and lists do not.
    spec = importlib.util.find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in _sources(Path(folder)):
            yield path.stem, Plugin(path, f"{package}.{path.stem}")


def _in_folders(kind: str, plugins: Sequence[str]) -> Iterator[tuple[str, Plugin]]:
    for name in plugins:
        folder = Path(name)
        if not folder.is_dir():
            raise InvalidInput(
                f"plugins: there is no folder {folder}; say where it is now: --plugins "
                "DIR, or plugins=[DIR] in Python"
            )
        if not any((folder / kind).is_dir() for kind in KINDS):
            raise InvalidInput(
                f"plugins: {folder} holds none of the folders that plug-ins are in: "
                f"{FOLDERS}"
            )
        for path in _sources(folder / kind):
            yield path.stem, Plugin(path)


def _installed(kind: str) -> Iterator[tuple[str, Plugin]]:
    for entry in importlib.metadata.entry_points(group=f"evolife.{kind}"):
        problem = "no such module"
        spec = None
        try:
            spec = importlib.util.find_spec(entry.module)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        if spec is None or spec.origin is None:
            owner = entry.dist.name if entry.dist else "an installed package"
            broken = (
                f"entry point {entry.value} of {owner} cannot be found: {problem}; "
                f"repair or uninstall {owner}"
            )
            yield entry.name, Plugin(Path(entry.module), entry.module, broken)
        else:
            yield entry.name, Plugin(Path(spec.origin), entry.module)


def _import(path: Path, module: str | None) -> ModuleType:
    if module is not None:
        return importlib.import_module(module)
    return import_file(path)


def _only_class(contract: str, what: str, module: ModuleType, path: Path) -> type:
    package, _, cls = contract.rpartition(".")
    parent = getattr(importlib.import_module(package), cls)
    own = [
        value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, parent)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]
    concrete = list(dict.fromkeys(cls for cls in own if not inspect.isabstract(cls)))
    wanted = f"one public subclass of {contract}"
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
