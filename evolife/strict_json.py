"""JSON as the standard has it: what evolife writes as a document goes through here.

Python's ``json`` writes NaN and infinity as words that no other reader takes. Here they
are null, wherever they stand.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

_PLAIN = (int, str, bool, type(None))


def dumps(value: Any, indent: int | None = None, sort_keys: bool = False) -> str:
    """``value`` as one strict JSON document: compact, or indented by ``indent``.

    Mappings, lists, tuples, texts, numbers and arrays of numbers; keys become texts.
    """
    return json.dumps(
        plain(value),
        allow_nan=False,
        indent=indent,
        sort_keys=sort_keys,
        separators=(",", ":") if indent is None else None,
    )


def plain(value: Any) -> Any:
    """Return ``value`` as strict JSON knows it: NaN and infinity become None.

    Arrays become nested lists; float32 keeps the fewest digits that give it back.
    """
    if type(value) in _PLAIN:
        return value
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and not isinstance(value, np.floating):
        return value if math.isfinite(value) else None
    array: Any = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"cannot write a {type(value).__name__} as JSON")
    return [plain(item) for item in array] if array.ndim else _number(array[()])


def _number(value: np.generic) -> bool | int | float | None:
    if isinstance(value, np.floating):
        return float(str(value)) if np.isfinite(value) else None
    return value.item()
