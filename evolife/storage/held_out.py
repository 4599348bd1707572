"""``champions/held_out.safetensors``: what champions earned, held-out life by life.

Two runs that lived the same held-out lives can be compared life by life. Read without
JAX, and strictly: what is not whole or of other champions is refused.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from evolife.errors import InvalidInput, pasted
from evolife.storage.run_folder import RunFolder
from evolife.storage.tensors import to_safetensors
from evolife.strict_json import dumps

FILE = "held_out.safetensors"
_REQUIRED = {"returns", "curves"}
_OPTIONAL = {"unlearned_returns", "unlearned_curve"}


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """Champions on held-out lives, the best first; arrays are float32."""

    lives: Mapping[str, Any]
    """Which lives they were: seed, env, wrap and steps; their number is an axis."""
    returns: np.ndarray
    """``(champions, lives)`` return of each life."""
    curves: np.ndarray
    """``(champions, bins)`` reward per step from birth to death, mean over lives."""
    unlearned_returns: np.ndarray | None = None
    """``(lives,)`` of the best champion in the same lives under ``learns: false``; None
    for an agent that has nothing to learn with."""
    unlearned_curve: np.ndarray | None = None
    """``(bins,)`` likewise."""


def content(held_out: HeldOut) -> bytes:
    """The file."""
    arrays = {
        name: np.asarray(getattr(held_out, name), np.float32)
        for name in sorted(_REQUIRED | _OPTIONAL)
        if getattr(held_out, name) is not None
    }
    return to_safetensors(arrays, {"lives": dumps(held_out.lives, sort_keys=True)})


def read(run: RunFolder, table: Sequence[Mapping[str, Any]]) -> HeldOut | None:
    """What the champions of ``table`` earned; None in a run that did not record it.

    Raises:
        InvalidInput: the file is damaged, or of other champions.
    """
    path = run.champions / FILE
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            lives = json.loads((file.metadata() or {})["lives"])
        found = _checked(lives, arrays, table)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{path} is damaged: {error}; let it be written again by "
            f"evolife train --resume {pasted(run.path)}"
        ) from error
    return found


def why_other_lives(ours: HeldOut | None, theirs: HeldOut | None) -> str:
    """Why two champions cannot be compared life by life; empty where they can."""
    if ours is None or theirs is None:
        return "what each life earned is not recorded"
    keys = sorted(ours.lives.keys() | theirs.lives.keys())
    other = [key for key in keys if ours.lives.get(key) != theirs.lives.get(key)]
    if other:
        return f"they lived other lives (another {' and '.join(other)})"
    numbers = ours.returns.shape[1], theirs.returns.shape[1]
    if numbers[0] != numbers[1]:
        return f"one lived {numbers[0]} lives, the other {numbers[1]}"
    return ""


def _checked(
    lives: Any, arrays: dict[str, np.ndarray], table: Sequence[Mapping[str, Any]]
) -> HeldOut:
    if not isinstance(lives, dict):
        raise ValueError("it does not say which lives were lived")
    if not _REQUIRED <= arrays.keys() <= _REQUIRED | _OPTIONAL:
        raise ValueError(f"it holds {', '.join(sorted(arrays)) or 'nothing'}")
    if any(array.dtype != np.float32 for array in arrays.values()):
        raise ValueError("it holds numbers that are not float32")
    found = HeldOut(lives, **arrays)
    if found.returns.ndim != 2 or found.curves.ndim != 2:
        raise ValueError("its tables are not two-dimensional")
    count, number = found.returns.shape
    shapes = {
        "curves": (count, found.curves.shape[1]),
        "unlearned_returns": (number,),
        "unlearned_curve": found.curves.shape[1:],
    }
    wrong = [
        name
        for name in arrays
        if shapes.get(name, arrays[name].shape) != arrays[name].shape
    ]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} have another shape than returns say")
    _check_champions(found.returns, table)
    return found


def _check_champions(returns: np.ndarray, table: Sequence[Mapping[str, Any]]) -> None:
    """Refuse returns that are not those of the champions in the table."""
    if len(returns) != len(table):
        raise ValueError(f"it holds {len(returns)} champions, the table {len(table)}")
    for scores, row in zip(returns, table, strict=True):
        mean, told = float(scores.mean(dtype=np.float64)), row.get("held_out")
        told = row.get("one_life") if told is None else told
        stated = float("nan") if told is None else float(told)
        if np.isfinite(stated) != np.isfinite(mean) or (
            np.isfinite(mean) and not np.isclose(mean, stated)
        ):
            raise ValueError("its lives are not those of champions.json")
