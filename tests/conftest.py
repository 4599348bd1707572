"""All tests share the programs they compile, in one run and from run to run."""

import os
import tempfile
from pathlib import Path

import jax
import pytest

from evolife.launching.process import enable_compile_cache, rank_flags


def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled programs where the runs that tests start keep theirs."""
    folder = Path(tempfile.gettempdir()) / f"evolife-tests-{os.getuid()}"
    os.environ.setdefault("EVOLIFE_CACHE", str(folder))
    # As in the processes that tests start, and before JAX computes anything.
    os.environ["XLA_FLAGS"] = rank_flags(os.environ.get("XLA_FLAGS", ""))
    if enable_compile_cache(rank=0):
        # Hundreds of small programs take longer than the few large ones.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
