"""The configs that come with evolife, found by file name."""

import importlib.resources
from pathlib import Path

from evolife.errors import InvalidInput, nearest


def bundled_configs() -> dict[str, Path]:
    """The configs that come with evolife, by name."""
    folder = Path(str(importlib.resources.files("evolife.launch"))) / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_config(name_or_path: str) -> Path:
    """The file of a bundled config, or the YAML file at a path.

    Raises:
        InvalidInput: names what there is and what is closest.
    """
    bundled = bundled_configs()
    if name_or_path in bundled:
        return bundled[name_or_path]
    path = Path(name_or_path)
    if path.exists():
        return path
    raise InvalidInput(
        f"config '{name_or_path}': no such file; give a YAML file or a bundled name: "
        f"{', '.join(bundled)}{nearest(path.stem, bundled)}"
    )
