"""Commands on several ranks: started as a user would, failures told as exceptions."""

import collections
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import evolife
from evolife.errors import EvolifeError, InvalidInput, Stopped
from evolife.processes.parent import CALLER

_KINDS = {kind.exit_code: kind for kind in (EvolifeError, InvalidInput, Stopped)}
_MARK = "evolife: "
_KEPT_LINES = 200


class End(NamedTuple):
    """How a command ended."""

    code: int
    """Exit code; negative: the signal that killed it."""
    said: str
    """What it printed on stdout."""
    told: list[str]
    """The last lines on stderr."""


def run_command(words: Sequence[str], say: Callable[[str], None] | None = None) -> None:
    """Run ``evolife words`` to its end, see :func:`finished`.

    Raises:
        EvolifeError: the command failed; of the kind that its exit code stands for.
    """
    end = finished(words, say)
    if end.code:
        raise complaint(end)


def finished(words: Sequence[str], say: Callable[[str], None] | None = None) -> End:
    """Run ``evolife words`` in a process of its own, and tell how it ended.

    ``say`` hears every line on stderr. Ctrl-C asks the work to stop with a checkpoint,
    and a second one ends it; it also stops when this process ends.
    """
    command = [sys.executable, "-m", "evolife", *words]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        # A session of its own: Ctrl-C should reach the ranks once, and through here.
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=_environment(),
            start_new_session=True,
        ) as child:
            told = _followed(child, say)
        said.seek(0)
        return End(child.returncode, said.read(), told)


def complaint(end: End) -> EvolifeError:
    """The exception that a failed command stands for."""
    kind = _KINDS.get(end.code, EvolifeError)
    return kind(_message(end.told) or f"ended with exit code {end.code}")


def _followed(
    child: subprocess.Popen[str], say: Callable[[str], None] | None
) -> list[str]:
    """Read what the child says until it ends; return the last lines."""
    assert child.stderr is not None
    told: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
    interrupted = False
    while True:
        try:
            for line in child.stderr:
                told.append(line.rstrip("\n"))
                if say is not None:
                    say(told[-1])
            child.wait()
            return list(told)
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)
            if interrupted:
                raise
            interrupted = True


def _message(told: Iterable[str]) -> str:
    """The last message that is marked as evolife's, with the lines that follow it."""
    message: list[str] = []
    for line in told:
        if line.startswith(_MARK):
            message = []
        message.append(line.removeprefix(_MARK))
    return "\n".join(message).strip()


def _environment() -> dict[str, str]:
    """This process's, in which the same evolife is found from any folder."""
    root = str(Path(evolife.__file__).parents[1])
    before = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        CALLER: str(os.getpid()),
        "PYTHONPATH": os.pathsep.join(filter(None, (root, before))),
    }
