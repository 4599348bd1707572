"""How a rank stops and fails: signals become a stop, failures end every rank."""

import contextlib
import hashlib
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from evolife.errors import EvolifeError, Stopped
from evolife.processes.handlers import handled
from evolife.processes.logs import complain
from evolife.processes.placement import place
from evolife.ranks.base import Ranks

_PATIENCE_SECONDS = 2.0
_INTERRUPTED = 130


@contextlib.contextmanager
def stop_on_signals(ranks: Ranks) -> Iterator[None]:
    """Let SIGTERM, SIGINT and SIGUSR1 ask all ranks to stop while the block runs.

    A second SIGINT raises ``KeyboardInterrupt`` at once. Handlers are restored.
    """
    interrupted = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if number == signal.SIGINT:
            if interrupted:
                raise KeyboardInterrupt
            interrupted = True
        ranks.request_stop()

    with handled(handle):
        yield


@contextlib.contextmanager
def guard(ranks: Ranks) -> Iterator[Ranks]:
    """Run the block and close ``ranks``; a failure ends every rank with one message.

    Signals stop the ranks as in :func:`stop_on_signals`; leave the block normally, not
    by ``sys.exit``.
    Raises ``SystemExit`` with the exit code of an ``EvolifeError`` that all ranks
    raised alike, shown by rank 0. A failure of some ranks only is shown by those and
    aborts the job: no rank is left waiting. ``Stopped`` has to be raised on all ranks.
    """
    # Signals stay handled until every rank is through: by default SIGUSR1 kills.
    with stop_on_signals(ranks):
        try:
            yield ranks
        except EvolifeError as error:
            _end_together(ranks, error)
        except KeyboardInterrupt:
            complain(_signed(ranks, "interrupted"))
            ranks.abort(_INTERRUPTED)
        except Exception:
            complain(_signed(ranks, traceback.format_exc()))
            ranks.abort(EvolifeError.exit_code)
        ranks.close()


def report_and_exit(error: EvolifeError) -> NoReturn:
    """Show an error that every rank meets before it joined the world, and exit.

    Only the launcher's rank 0 shows it; the others leave it time to do so, because a
    launcher ends the job when the first process fails.
    """
    here = place()
    if here is None or here.rank == 0:
        complain(f"evolife: {error}")
    else:
        time.sleep(_PATIENCE_SECONDS / 2)
    sys.exit(error.exit_code)


@contextlib.contextmanager
def fail_together(ranks: Ranks) -> Iterator[None]:
    """Let the block fail on all ranks alike, and go on after it; else abort the job.

    An ``EvolifeError`` that every rank raises is raised. Any other failure is shown by
    the rank that met it and aborts the job, so that no rank is left waiting.
    """
    try:
        yield
    except EvolifeError as error:
        _meet(ranks, error)
        raise
    except Exception:
        if ranks.size == 1:
            raise
        complain(_signed(ranks, traceback.format_exc()))
        ranks.abort(EvolifeError.exit_code)


def _meet(ranks: Ranks, error: EvolifeError) -> tuple[bytes, bytes]:
    """Digests of this rank's error and of rank 0's; aborts where others have none."""
    digest = hashlib.sha256(f"{error.exit_code} {error}".encode()).digest()
    # A stop is agreed upon, but rank 0 may still be writing the checkpoint.
    patience = None if isinstance(error, Stopped) else _PATIENCE_SECONDS
    notes = ranks.compare(digest, patience)
    if notes is None:
        complain(_signed(ranks, str(error)))
        ranks.abort(error.exit_code)
    return digest, notes[0]


def _end_together(ranks: Ranks, error: EvolifeError) -> NoReturn:
    own, first = _meet(ranks, error)
    if ranks.rank == 0:
        complain(f"evolife: {error}")
    elif own != first:
        complain(_signed(ranks, str(error)))
    ranks.close()
    sys.exit(error.exit_code)


def _signed(ranks: Ranks, message: str) -> str:
    return f"rank {ranks.rank}: {message}" if ranks.rank else f"evolife: {message}"
