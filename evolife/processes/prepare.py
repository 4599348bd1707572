"""Prepares a process before JAX is imported: threads, its core, its compile cache."""

import hashlib
import os
import platform
import warnings
from pathlib import Path

from evolife.processes.affinity import allowed_cores, core_for, pin
from evolife.processes.numerics import exact_flags
from evolife.processes.parent import follow_launcher
from evolife.processes.placement import place

_ONE_THREAD = {
    "xla_cpu_multi_thread_eigen": "--xla_cpu_multi_thread_eigen=false",
    "intra_op_parallelism_threads": "intra_op_parallelism_threads=1",
}
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_NEVER_SECONDS = 1e9


def rank_flags(given: str) -> str:
    """``XLA_FLAGS`` for right sums on one thread; what is set stays."""
    flags = exact_flags(given)
    added = [text for name, text in _ONE_THREAD.items() if name not in flags]
    return " ".join([*flags.split(), *added])


def prepare_process() -> None:
    """Limit this process to one thread of work; call before JAX or NumPy is imported.

    A rank is also kept on one core of its own where ranks fill the machine. Nothing
    that the user's environment sets is overridden.
    """
    os.environ["XLA_FLAGS"] = rank_flags(os.environ.get("XLA_FLAGS", ""))
    for variable in _THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")
    here = place()
    if here is not None and here.local_size:
        core = core_for(here.local_rank, here.local_size, allowed_cores())
        if core is not None:
            pin(core)
    follow_launcher()


def enable_compile_cache(writes: bool = True) -> Path | None:
    """Reuse compiled programs of earlier runs; return their folder, None without.

    The folder is ``$EVOLIFE_CACHE`` or ``~/.cache/evolife``; every rank reads, and the
    first of each machine writes. Does nothing where the user configured JAX's own
    cache, or where the folder cannot be made. Imports JAX.
    """
    import jax

    if getattr(jax.config, "jax_compilation_cache_dir", None):
        return None
    root = os.environ.get("EVOLIFE_CACHE") or os.path.join("~", ".cache", "evolife")
    kind = f"{machine_kind()}-jax-{jax.__version__}"
    folder = Path(root).expanduser() / "xla" / kind
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # JAX takes every rank for process 0; a threshold nothing reaches keeps it reading.
    seconds = 0.1 if writes else _NEVER_SECONDS
    jax.config.update("jax_persistent_cache_min_compile_time_secs", seconds)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # An entry half written by another process is compiled anew.
    warnings.filterwarnings("ignore", "Error (read|writ)ing persistent compilation")
    return folder


def machine_kind() -> str:
    """Name what compiled programs depend on: architecture and processor features."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = ["flags: " + platform.processor()]
    telling = ("model name", "flags", "Features", "CPU part")
    features = sorted({line for line in lines if line.startswith(telling)})
    digest = hashlib.sha256("\n".join(features).encode()).hexdigest()
    return f"{platform.machine()}-{digest[:12]}"
