"""All tests share the programs they compile, in one run and from run to run."""

import functools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import hypothesis
import jax
import pytest

from evolife.processes import mpirun
from evolife.processes.numerics import jaxlib_version
from evolife.processes.prepare import enable_compile_cache, rank_flags
from tests.cli_tools import run, started
from tests.compiler import QUICK

pytest_plugins = ["tests.browser_tools", "tests.trained_run"]
_QUICKER = {"0.10.2": "--xla_cpu_use_fusion_emitters=false"}
"""What some jaxlib leave out, too; others end at a flag that they do not know."""


# The same examples every time: a test that fails, fails for everybody.
hypothesis.settings.register_profile("fixed", derandomize=True)
hypothesis.settings.load_profile("fixed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer a compiler that takes a quarter of the time and makes slower programs."""
    parser.addoption(
        "--quick-compiles",
        action="store_true",
        help="leave most optimisations out, here and in what the tests start",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled programs where the runs that tests start keep theirs."""
    folder = Path(tempfile.gettempdir()) / f"evolife-tests-{os.getuid()}"
    os.environ.setdefault("EVOLIFE_CACHE", str(folder))
    flags = os.environ.get("XLA_FLAGS", "").split()
    if config.getoption("--quick-compiles"):
        flags += [QUICK, *filter(None, [_QUICKER.get(jaxlib_version())])]
    # As in the processes that tests start, and before JAX computes anything.
    os.environ["XLA_FLAGS"] = rank_flags(" ".join(flags))
    if enable_compile_cache():
        # Hundreds of small programs take longer than the few large ones.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


@functools.cache
def mpi_obstacle() -> str:
    """Why ranks cannot be started here; empty where they can."""
    return mpirun.obstacle()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what looks at a page in a browser, and files that start processes."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
        if starts_processes(getattr(item, "module", None)):
            item.add_marker("process")


@functools.cache
def starts_processes(module: ModuleType) -> bool:
    """Whether a file of tests imports what runs evolife in a process of its own."""
    known = vars(module).values() if module else ()
    return any(one is starter for one in known for starter in (run, started))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs MPI where there is none, and say why."""
    if item.get_closest_marker("mpi") and mpi_obstacle():
        pytest.skip(mpi_obstacle())


@pytest.fixture(scope="module", autouse=True)
def forget_programs() -> Iterator[None]:
    """Keep the programs of one module in memory only: all together take gigabytes."""
    yield
    jax.clear_caches()
