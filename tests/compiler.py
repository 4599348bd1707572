"""Whether two programs must agree in every bit: as users compile them, they must.

With optimisations left out (``--quick-compiles``), what is fused in one program and not
in another rounds differently; tests of that claim are also run ``fast``, without.
"""

import os
from typing import Any

import numpy as np

QUICK = "--xla_backend_optimization_level=0"
"""It computes wrong gradients of some programs: what is about these, and what tells the
numbers that users get, is compiled as for them all the same."""


def assert_same_bits(one: Any, other: Any) -> None:
    """Compare arrays bit for bit; to the last digits under the quick compiler."""
    if QUICK in os.environ.get("XLA_FLAGS", ""):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    else:
        np.testing.assert_array_equal(one, other)
