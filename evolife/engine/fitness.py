"""Which fitness a member gets whose measured one is no finite number."""

from types import ModuleType
from typing import Any

import numpy as np


def worst_for_nonfinite(
    measured: Any, without: float = np.nan, xp: ModuleType = np
) -> Any:
    """``(K,)`` measured fitness; what is not finite becomes the worst of the others.

    ``without`` is what all get where none is finite. ``xp`` is ``numpy``, or
    ``jax.numpy`` within a program.
    """
    finite = xp.isfinite(measured)
    worst = xp.min(xp.where(finite, measured, xp.inf))
    worst = xp.where(xp.any(finite), worst, without)
    return xp.where(finite, measured, worst).astype(measured.dtype)
