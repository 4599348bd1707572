"""Plug-in files as Python modules, which may import what lies beside them."""

import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from evolife.errors import InvalidInput


class _Beside(importlib.abc.MetaPathFinder):
    """Finds modules in plug-in folders that Python finds nowhere else.

    Folders may hold different files of one name: each plug-in gets those of its own.
    """

    def __init__(self) -> None:
        self.folders: list[Path] = []
        """Those of the plug-in that was imported last come first."""
        self._found: dict[str, Path] = {}

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """What an ``import`` in a plug-in means, if it means a file beside it."""
        if path is not None:
            return None
        for folder in self.folders:
            find = importlib.machinery.PathFinder.find_spec
            spec = find(fullname, [str(folder), str(folder.parent)])
            if spec is not None and spec.origin is not None:
                self._found[fullname] = folder.parent
                return spec
        return None

    def turn_to(self, folder: Path) -> None:
        """Look into ``folder`` first; forget what was found elsewhere."""
        if self not in sys.meta_path:
            sys.meta_path.append(self)
        others = (known for known in self.folders if known != folder)
        self.folders = [folder, *others]
        strange = {n for n, owner in self._found.items() if owner != folder.parent}
        for name in [n for n in sys.modules if n.partition(".")[0] in strange]:
            del sys.modules[name]
        for name in strange:
            del self._found[name]


_BESIDE = _Beside()


def import_file(path: Path) -> ModuleType:
    """Import ``FOLDER/agents/name.py`` or another kind of plug-in, once.

    Files in ``agents/`` and in ``FOLDER`` can be imported by it: ``import layers`` or
    ``from . import layers``.

    Raises:
        InvalidInput: if it is no Python file.
        Exception: whatever the file raises.
    """
    path = path.resolve()
    name = f"{_package(path.parent)}.{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InvalidInput(f"{path}: cannot be imported as Python")
    loaded = importlib.util.module_from_spec(spec)
    _BESIDE.turn_to(path.parent)
    # Dataclasses look their module up while it is still being executed.
    sys.modules[name] = loaded
    try:
        spec.loader.exec_module(loaded)
    except BaseException:
        del sys.modules[name]
        raise
    return loaded


def is_beside(file: str, path: Path) -> bool:
    """Whether ``file`` is the plug-in at ``path``, or was imported from beside it."""
    if file == str(path):
        return True
    folder = path.resolve().parent
    return folder in _BESIDE.folders and Path(file).is_relative_to(folder.parent)


def _package(folder: Path) -> str:
    """Make ``folder`` and the one around it packages, so that ``from .`` works."""
    digest = hashlib.sha256(str(folder.parent).encode()).hexdigest()[:16]
    outer = f"evolife_plugins_{digest}"
    for name, place in ((outer, folder.parent), (f"{outer}.{folder.name}", folder)):
        if name not in sys.modules:
            package = ModuleType(name)
            package.__path__ = [str(place)]
            sys.modules[name] = package
    return f"{outer}.{folder.name}"
