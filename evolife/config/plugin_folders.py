"""Folders of plug-ins: given in Python, in a file, and beside those of a config."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from evolife.config.layers import Layer

Folder = str | os.PathLike[str]


def folders(given: Folder | Iterable[Any]) -> list[str]:
    """Paths of plug-in folders, where one or several may be given."""
    several = [given] if isinstance(given, str | os.PathLike) else given
    return [os.fspath(folder) for folder in several]


def anchored(layer: Layer, folder: Path) -> Layer:
    """Make a config's plug-in folders absolute, relative to the file's ``folder``."""
    named = layer.data.get("plugins")
    if not isinstance(named, list):
        return layer
    absolute = [
        os.path.abspath(folder / item) if isinstance(item, str) else item
        for item in named
    ]
    return Layer(layer.data | {"plugins": absolute}, layer.origins)


def joined(own: Sequence[str], given: Sequence[str]) -> tuple[str, ...]:
    """A config's own folders and those ``given``, which replace any that are gone.

    So a run that was moved to another machine finds its plug-ins where they are now.
    """
    kept = [folder for folder in own if not given or os.path.isdir(folder)]
    return tuple(dict.fromkeys(os.path.abspath(folder) for folder in (*kept, *given)))
