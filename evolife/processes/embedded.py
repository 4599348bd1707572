"""A process that is not evolife's own, prepared as a command prepares its own."""

import functools
import sys

from evolife.processes.numerics import check_device, warn_of_late_flags
from evolife.processes.prepare import enable_compile_cache, prepare_process
from evolife.processes.surroundings import settle_home


@functools.cache
def prepare() -> None:
    """Prepare this process as a command would; JAX should not have computed yet.

    The number of threads and the flags of XLA are read when JAX computes for the first
    time.

    Raises:
        InvalidInput: ``JAX_PLATFORMS`` names a device that is not here.
    """
    settle_home()
    started = "jax" in sys.modules
    prepare_process()
    enable_compile_cache()
    check_device()
    if started:
        warn_of_late_flags()
