"""How processes end with those that started them, so that none is left behind."""

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

LAUNCHER = "EVOLIFE_LAUNCHER"
"""Variable that tells a started process who started it: a process id."""

CALLER = "EVOLIFE_CALLER"
"""Variable that names the process whose function started this command."""

_PR_SET_PDEATHSIG = 1
_WATCH_SECONDS = 0.25


def die_with_parent() -> Callable[[], None] | None:
    """What makes Linux kill a started process when this one dies; None elsewhere.

    For ``preexec_fn`` of ``subprocess.Popen``.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def follow() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # The parent may have ended before the kernel was asked to tell.
        if os.getppid() != parent:
            os._exit(1)

    return follow


def follow_launcher() -> None:
    """End this rank soon after mpirun or its own launcher, if it was started by one.

    Both are watched: mpirun may have ended before this rank could learn its name.
    """
    if LAUNCHER in os.environ:
        launcher, parent = int(os.environ[LAUNCHER]), os.getppid()
        _watch(lambda: os.getppid() == parent and _exists(launcher), signal.SIGKILL)


def follow_caller() -> None:
    """Ask this command to stop soon after its caller, if a function started it.

    Those that it starts itself have another parent, and do not hear of the caller.
    """
    if caller := os.environ.pop(CALLER, ""):
        _watch(lambda: os.getppid() == int(caller), signal.SIGTERM)


def _watch(goes_on: Callable[[], bool], then: signal.Signals) -> None:
    """Send this process a signal once ``goes_on`` is no longer true."""

    def watch() -> None:
        while goes_on():
            time.sleep(_WATCH_SECONDS)
        os.kill(os.getpid(), then)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _exists(process: int) -> bool:
    with contextlib.suppress(PermissionError):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True
