"""Where a rank's words go: its log file, and the user's terminal for what matters."""

import os
import sys
from pathlib import Path

from evolife.errors import InvalidInput

_console: int | None = None


def redirect_output(path: Path) -> None:
    """Append this process's stdout and stderr to the file ``path`` from now on.

    What native libraries write goes there too. Raises ``InvalidInput`` where the file
    cannot be opened.
    """
    global _console
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        raise InvalidInput(f"cannot write the log {path}: {error.strerror}") from error
    sys.stdout.flush()
    sys.stderr.flush()
    if _console is None:
        _console = os.dup(2)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def complain(message: str) -> None:
    """Write ``message`` to stderr, and to the user where stderr is a log file."""
    line = message.rstrip("\n") + "\n"
    sys.stderr.write(line)
    sys.stderr.flush()
    if _console is not None:
        os.write(_console, line.encode(errors="backslashreplace"))
