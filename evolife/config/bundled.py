"""The configs that come with evolife, found by file name."""

import importlib.resources
from pathlib import Path

from evolife.errors import InvalidInput, nearest


def bundled_folder(kind: str) -> Path:
    """Where evolife's own files of a kind lie, such as ``configs`` or ``operators``."""
    return Path(str(importlib.resources.files("evolife.launch"))) / kind


def bundled_configs(kind: str = "configs") -> dict[str, Path]:
    """The configs that come with evolife, by name; ``kind`` is their folder."""
    files = sorted(bundled_folder(kind).glob("*.yaml"))
    return {path.stem: path for path in files}


def find_config(name_or_path: str, kind: str = "configs") -> Path:
    """The file of a bundled config, or the YAML file at a path.

    Raises:
        InvalidInput: names what there is and what is closest.
    """
    bundled = bundled_configs(kind)
    if name_or_path in bundled:
        return bundled[name_or_path]
    path = Path(name_or_path)
    if path.exists():
        return path
    raise InvalidInput(
        f"config '{name_or_path}': no such file; give a YAML file or a bundled name: "
        f"{', '.join(bundled)}{nearest(path.stem, bundled)}"
    )
