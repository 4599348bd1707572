"""Starts local ranks with mpirun, forwards signals to them and returns their exit code.

Also drops what Open MPI's mpirun adds to every exit code other than 0.
"""

import contextlib
import ctypes
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from evolife.errors import InvalidInput
from evolife.launching.chatter import copy_without_chatter

SCREENS = "EVOLIFE_SCREENS"
"""Set, to those of stdout and stderr that a user watches through mpirun."""
LOCAL_RANKS = "EVOLIFE_LOCAL_RANKS"
"""Set, to their number, for ranks that this module started."""
LAUNCHER = "EVOLIFE_LAUNCHER"
"""Set, to the process whose end is theirs, for ranks that this module started."""
_REMEDY = "install MPI with `pip install 'evolife[mpi]'` or load the site's MPI module"
_FLAGS = {
    # Slots on this host: a batch job's other nodes must not be used.
    "Open MPI": lambda ranks: ["--host", f"localhost:{ranks}", "--bind-to", "none"],
    "MPICH": lambda ranks: ["-launcher", "fork"],
}
_PR_SET_PDEATHSIG = 1


def find_mpirun() -> Path | None:
    """Return the mpirun beside this Python, else the one on the path, else None."""
    beside = shutil.which("mpirun", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("mpirun")
    return Path(found) if found else None


def obstacle() -> str:
    """Say in one sentence why local ranks cannot be started; empty where they can."""
    from evolife.ranks import mpi_library

    library = mpi_library()
    if library is None:
        return f"mpi4py finds no MPI library; {_REMEDY}"
    mpirun = find_mpirun()
    if mpirun is None:
        return f"there is no mpirun; {_REMEDY}"
    kind = _kind(mpirun)
    if kind is None:
        return f"{mpirun} belongs neither to Open MPI nor to MPICH; {_REMEDY}"
    if not library.startswith(kind):
        return f"{mpirun} belongs to {kind}, but mpi4py loads {library}; {_REMEDY}"
    return ""


def launch_local(
    ranks: int, argv: Sequence[str], command: Sequence[str] | None = None
) -> int:
    """Run ``python -m evolife argv`` on ``ranks`` local ranks; return the exit code.

    ``command`` replaces ``python -m evolife``. SIGINT, SIGTERM and SIGUSR1 reach the
    ranks as SIGUSR1, a request to stop; a second SIGINT or SIGTERM ends them at once.
    The ranks end when this process does, however it ends. Raises ``InvalidInput``
    without a usable mpirun.
    """
    mpirun, env = local_job(ranks)
    command = command or [sys.executable, "-m", "evolife"]
    with _scratch() as folder:
        process = subprocess.Popen(
            [*mpirun, *command, *argv],
            env={**env, "TMPDIR": folder},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # Ctrl-C in a terminal goes to a whole session; mpirun would kill its ranks.
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
        with process, _forwarding(process) as received:
            assert process.stderr is not None
            copy_without_chatter(process.stderr.fileno(), 2)
            return _exit_code(process.wait(), received)


def _scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for mpirun's files, which it names by its process id.

    A killed mpirun leaves them, and one that gets its id later would stumble over them.
    """
    return tempfile.TemporaryDirectory(prefix="evolife-", ignore_cleanup_errors=True)


def local_job(ranks: int) -> tuple[list[str], dict[str, str]]:
    """Return how a command line of ``ranks`` local ranks begins, and its environment.

    Raises ``InvalidInput`` without a usable mpirun.
    """
    mpirun = find_mpirun()
    kind = _kind(mpirun) if mpirun else None
    if mpirun is None or kind is None:
        raise InvalidInput(f"cannot start {ranks} ranks: no usable mpirun; {_REMEDY}")
    return [str(mpirun), "-n", str(ranks), *_FLAGS[kind](ranks)], _environment(ranks)


@functools.cache
def _kind(mpirun: Path) -> str | None:
    """Tell the MPI library of an mpirun by its version text."""
    try:
        text = subprocess.run(
            [mpirun, "--version"], capture_output=True, text=True, timeout=30
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    if "Open MPI" in text or "Open-MPI" in text:
        return "Open MPI"
    return "MPICH" if "HYDRA" in text.upper() else None


def _environment(ranks: int) -> dict[str, str]:
    # Local ranks meet in shared memory; probing network fabrics takes a second.
    fast = {"OMPI_MCA_btl": "^ofi", "OMPI_MCA_mtl": "^ofi"}
    streams = {"stdout": sys.stdout, "stderr": sys.stderr}
    screens = [name for name, stream in streams.items() if stream.isatty()]
    own = {LOCAL_RANKS: str(ranks), LAUNCHER: str(os.getpid())}
    env = {**fast, **os.environ, **own, SCREENS: ",".join(screens)}
    if os.geteuid() == 0:
        # In containers root is the usual user, and these ranks do nothing it could not.
        env.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    if screens:
        # mpirun gives ranks a terminal without a size.
        columns, lines = shutil.get_terminal_size()
        env.update(COLUMNS=str(columns), LINES=str(lines))
    return env


def die_with_parent() -> Callable[[], None] | None:
    """Return what makes Linux end a started process when this one dies, if it can."""
    if not sys.platform.startswith("linux"):
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def follow() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # The parent may have ended before the kernel was asked to tell.
        if os.getppid() != parent:
            os._exit(1)

    return follow


@contextlib.contextmanager
def _forwarding(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Forward signals to ``process``; yields the list of those received so far."""
    received: list[int] = []

    def forward(number: int, frame: FrameType | None) -> None:
        insists = number != signal.SIGUSR1 and number in received
        received.append(number)
        process.send_signal(signal.SIGTERM if insists else signal.SIGUSR1)

    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    before = {number: signal.signal(number, forward) for number in handled}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit_code(code: int, received: list[int]) -> int:
    """The job's exit code as a shell would give it.

    Ranks that had no handler yet when a stop was forwarded died of SIGUSR1; what the
    user sent is reported instead.
    """
    code = 128 - code if code < 0 else code
    stopped_early = code == 128 + signal.SIGUSR1 and received
    return 128 + received[0] if stopped_early else code
