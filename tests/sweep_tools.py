"""Sweep files and folders for tests."""

import json
from pathlib import Path
from typing import Any

SMALL = (
    "env={name: bandit, arms: 2, pulls: 4}",
    "agent={name: reflex, hidden: [4]}",
    "lifetime={steps: 4, lives: 2}",
    "population={size: 8, tile: 4}",
    "generations=3",
    "best_of_k={keep: 1, lives: 8, archive: 1}",
    "checkpoint={every: 1}",
    "record={tensorboard: false, validate_every: null}",
    "control=null",
)
"""Makes any bundled bandit a matter of seconds."""


def sweep_file(folder: Path, text: str = "", **settings: Any) -> Path:
    """A sweep file with ``settings`` as JSON, which is YAML, or ``text``."""
    path = folder / "many.yaml"
    path.write_text(text or json.dumps(settings))
    return path


def write_sweep(folder: Path, parameters: dict[str, Any], **settings: Any) -> Path:
    """A sweep file over the bundled bandit: a grid unless told otherwise."""
    given = {"base": "bandit", "method": "grid", "parameters": parameters}
    return sweep_file(folder, **(given | settings))
