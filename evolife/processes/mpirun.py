"""Starts local ranks with mpirun, forwards signals to them and returns their exit code.

Also drops what Open MPI's mpirun adds to every exit code other than 0.
"""

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from evolife.errors import EvolifeError, InvalidInput, Stopped
from evolife.processes.advice import advice, signal_of
from evolife.processes.handlers import handled
from evolife.processes.local_environment import batch_variables, local_environment
from evolife.processes.logs import complain
from evolife.processes.mpirun_notices import copy_without_chatter
from evolife.processes.parent import LAUNCHER, die_with_parent

SCREENS = "EVOLIFE_SCREENS"
"""Set, to those of stdout and stderr that a user watches through mpirun."""
REMEDY = "install MPI with `pip install 'evolife[mpi]'` or load the site's MPI module"
"""For whoever has no MPI that works."""
_FLAGS = {
    "Open MPI": lambda ranks: ["--host", f"localhost:{ranks}", "--bind-to", "none"],
    "MPICH": lambda ranks: ["-launcher", "fork"],
}
_OURS = (0, EvolifeError.exit_code, InvalidInput.exit_code, Stopped.exit_code)
"""Exit codes that ranks end with; mpirun has others of its own."""


def find_mpirun() -> Path | None:
    """Return the mpirun beside this Python, else the one on the path, else None."""
    beside = shutil.which("mpirun", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("mpirun")
    return Path(found) if found else None


def obstacle() -> str:
    """Say in one sentence why local ranks cannot be started; empty where they can."""
    mpirun = find_mpirun()
    library = local_library(mpirun)
    if library is None:
        return f"mpi4py finds no MPI library; {REMEDY}"
    if mpirun is None:
        return f"there is no mpirun; {REMEDY}"
    kind, words = _version(mpirun)
    if kind is None and words:
        return f"{mpirun} does not run ({words}); {REMEDY}"
    if kind is None:
        return f"{mpirun} belongs neither to Open MPI nor to MPICH; {REMEDY}"
    if not library.startswith(kind):
        return f"{mpirun} belongs to {kind}, but mpi4py loads {library}; {REMEDY}"
    return ""


@functools.cache
def local_library(mpirun: Path | None) -> str | None:
    """Name the MPI library that local ranks load, see ``ranks.mpi.mpi_library``."""
    from evolife.ranks.mpi import mpi_library

    if mpirun is None or not os.environ.get("LD_LIBRARY_PATH"):
        return mpi_library()
    # Ranks look elsewhere first, and a process reads the variable when it starts.
    root = Path(__file__).parents[2]
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r}); "
        "from evolife.ranks.mpi import mpi_library; print(mpi_library() or '')"
    )
    env = local_environment(mpirun, os.environ)
    words = [sys.executable, "-c", code]
    asked = subprocess.run(words, env=env, capture_output=True, text=True)
    return asked.stdout.strip() or None


def launch_local(
    ranks: int, argv: Sequence[str], command: Sequence[str] | None = None
) -> int:
    """Run ``python -m evolife argv`` on ``ranks`` local ranks; return the exit code.

    ``command`` replaces ``python -m evolife``. SIGINT, SIGTERM and SIGUSR1 reach the
    ranks as SIGUSR1, a request to stop; a second SIGINT or SIGTERM ends them at once.
    The ranks end when this process does, however it ends. What mpirun says of its own
    is followed by what to do about it. Raises ``InvalidInput`` without a usable mpirun.
    """
    mpirun, env = local_job(ranks)
    command = command or [sys.executable, "-m", "evolife"]
    # For the files of mpirun, which it names by its process id: a killed one leaves
    # them, and one that gets its id later would stumble over them.
    scratch = tempfile.TemporaryDirectory(prefix="evolife-", ignore_cleanup_errors=True)
    with scratch as folder:
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
            heard = copy_without_chatter(process.stderr.fileno(), 2)
            code = _exit_code(process.wait(), received)
    if words := advice(code, ranks, heard, bool(received)):
        complain(f"evolife: {words}")
    return code if code in _OURS or signal_of(code) else 1


def local_job(ranks: int) -> tuple[list[str], dict[str, str]]:
    """Return how a command line of ``ranks`` local ranks begins, and its environment.

    Raises ``InvalidInput`` without a usable mpirun.
    """
    mpirun = find_mpirun()
    kind = _version(mpirun)[0] if mpirun else None
    if mpirun is None or kind is None:
        raise InvalidInput(f"cannot start {ranks} ranks: no usable mpirun; {REMEDY}")
    env = {**local_environment(mpirun, os.environ), **_told(ranks)}
    # Only mpirun must not know of a batch system; what is lived may ask for its job.
    job = [f"{name}={value}" for name, value in batch_variables(os.environ).items()]
    words = [str(mpirun), "-n", str(ranks), *_FLAGS[kind](ranks)]
    return [*words, *(["env", *job] if job else [])], env


@functools.cache
def _version(mpirun: Path) -> tuple[str | None, str]:
    """Tell the MPI library of an mpirun by its version text, or what it fails with."""
    env = local_environment(mpirun, os.environ)
    words = [str(mpirun), "--version"]
    try:
        asked = subprocess.run(
            words, env=env, capture_output=True, text=True, timeout=30, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    text = asked.stdout
    if "Open MPI" in text or "Open-MPI" in text:
        return "Open MPI", ""
    if "HYDRA" in text.upper():
        return "MPICH", ""
    return None, asked.stderr.strip().rpartition("\n")[2] if asked.returncode else ""


def _told(ranks: int) -> dict[str, str]:
    """What ranks learn of how they were started."""
    streams = {"stdout": sys.stdout, "stderr": sys.stderr}
    screens = [name for name, stream in streams.items() if stream.isatty()]
    told = {LAUNCHER: str(os.getpid()), SCREENS: ",".join(screens)}
    if screens:
        # mpirun gives ranks a terminal without a size.
        columns, lines = shutil.get_terminal_size()
        told.update(COLUMNS=str(columns), LINES=str(lines))
    return told


@contextlib.contextmanager
def _forwarding(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Forward signals to ``process``; yields the list of those received so far."""
    received: list[int] = []

    def forward(number: int, frame: FrameType | None) -> None:
        insists = number != signal.SIGUSR1 and number in received
        received.append(number)
        process.send_signal(signal.SIGTERM if insists else signal.SIGUSR1)

    with handled(forward):
        yield received


def _exit_code(code: int, received: list[int]) -> int:
    """The job's exit code as a shell would give it.

    Ranks that had no handler yet when a stop was forwarded died of SIGUSR1; what the
    user sent is reported instead.
    """
    code = 128 - code if code < 0 else code
    stopped_early = code == 128 + signal.SIGUSR1 and received
    return 128 + received[0] if stopped_early else code
