"""Arrays as safetensors, whatever their order in memory."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors.numpy import save


def to_safetensors(
    arrays: Mapping[str, Any], metadata: Mapping[str, str] | None = None
) -> bytes:
    """The file that holds ``arrays`` by name, and texts in its header.

    safetensors writes memory as it lies, so that an array which is transposed or
    strided would come back scrambled; and it knows one order of bytes.
    """
    rows = {name: _in_rows(array) for name, array in arrays.items()}
    return save(rows, metadata=None if metadata is None else dict(metadata))


def _in_rows(array: Any) -> np.ndarray:
    given = np.asarray(array)
    return np.asarray(given, given.dtype.newbyteorder("<"), order="C")
