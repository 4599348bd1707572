"""A trained operator on disk: safetensors, with its card in the header.

The header says what the numbers are for, so that an operator is never used on features
that it has not seen.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError, safe_open

from evolife.config.bundled import bundled_folder
from evolife.errors import InvalidInput, nearest
from evolife.selection import operator as operators
from evolife.selection.features import FEATURES
from evolife.selection.operator import Architecture, Operator
from evolife.storage.files import write_atomically
from evolife.storage.tensors import to_safetensors
from evolife.strict_json import dumps

_FORMAT = 1
_ENTRY = "evolife operator"


def bundled() -> dict[str, Path]:
    """The operators that come with evolife, by name."""
    files = sorted(bundled_folder("operators").glob("*.safetensors"))
    return {path.stem: path for path in files}


def find(name_or_path: str) -> Path:
    """The file of a bundled operator, or the one at a path.

    Raises:
        InvalidInput: there is none; names what there is.
    """
    known = bundled()
    if name_or_path in known:
        return known[name_or_path]
    path = Path(name_or_path)
    if name_or_path and path.is_dir():
        path = path / "operator.safetensors"
    if name_or_path and path.is_file():
        return path
    raise InvalidInput(
        f"operator '{name_or_path}': no such file; give what evolife meta wrote, or a "
        f"bundled name: {', '.join(known) or 'none'}{nearest(path.stem, known)}"
    )


def write(
    path: Path, operator: Operator, shape: Architecture, card: Mapping[str, Any]
) -> None:
    """Write parameters, architecture, the features they read, and the card."""
    header = {
        "format": _FORMAT,
        "architecture": dataclasses.asdict(shape),
        "features": FEATURES,
        "card": card,
    }
    # One entry, because several would be written in an order that changes.
    text = {_ENTRY: dumps(header, sort_keys=True)}
    write_atomically(path, to_safetensors(operator._asdict(), metadata=text))


def read(name_or_path: str) -> tuple[Operator, Architecture, dict[str, Any]]:
    """Read an operator's parameters, their architecture, and its card.

    Raises:
        InvalidInput: there is no such file, it is damaged or no operator, or it reads
            other features than this evolife shows.
    """
    path = find(name_or_path)
    try:
        with safe_open(path, framework="np") as file:
            entry = (file.metadata() or {}).get(_ENTRY, "{}")
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InvalidInput(f"{path} cannot be read as an operator: {error}") from error
    header = json.loads(entry)
    _check(path, header)
    shape = Architecture(**header["architecture"])
    return _fitted(path, found, shape), shape, header["card"]


def sha256(name_or_path: str) -> str:
    """Hex hash of the operator's file."""
    return hashlib.sha256(find(name_or_path).read_bytes()).hexdigest()


def _check(path: Path, header: Mapping[str, Any]) -> None:
    if header.get("format") != _FORMAT or "features" not in header:
        raise InvalidInput(
            f"{path} is not a selection operator; give the operator.safetensors that "
            "evolife meta wrote"
        )
    seen = header["features"]
    if tuple(seen) != FEATURES:
        raise InvalidInput(
            f"{path} was trained on the features {', '.join(seen)}; here members show "
            f"{', '.join(FEATURES)}: train it again with evolife meta"
        )


def _fitted(
    path: Path, found: Mapping[str, np.ndarray], shape: Architecture
) -> Operator:
    wanted = jax.eval_shape(lambda: operators.init(jax.random.key(0), shape))
    for name, leaf in wanted._asdict().items():
        if name not in found or found[name].shape != leaf.shape:
            have = found[name].shape if name in found else "nothing"
            raise InvalidInput(
                f"{path} is damaged: {name} is {have}, not {leaf.shape}; train it "
                "again with evolife meta"
            )
    arrays: Any = {name: found[name] for name in wanted._fields}
    return Operator(**arrays)
