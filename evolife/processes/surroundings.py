"""What a process may find missing at its start: a home, or a stream to write to.

Containers run as users whom nobody has entered, job systems close streams, and there
are terminals and locales that know ASCII only. None of these is a reason not to work.
"""

import contextlib
import os
import pwd
import sys
from typing import TextIO

NO_HOME = "/nonexistent"
"""Where users are at home who have none, as in the password files of distributions."""


def settle() -> None:
    """Make up for what this process lacks; call before anything opens a file."""
    settle_home()
    for descriptor in range(3):
        _open_somewhere(descriptor)
    sys.stdout = _writable(sys.stdout)
    sys.stderr = _writable(sys.stderr)


def settle_home() -> None:
    """Let ``~`` mean something, also to the libraries that ask for it."""
    os.environ.setdefault("HOME", home())


def home() -> str:
    """The home that the system knows for this user, else one that does not exist."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return NO_HOME


def flush() -> None:
    """Write what is left for stdout; a reader who has gone misses nothing.

    Raises ``OSError`` where it cannot be written, such as on a full disk.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        forget_stdout()


def forget_stdout() -> None:
    """Send stdout nowhere from now on, so that nothing fails at the very end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _open_somewhere(descriptor: int) -> None:
    """Keep files that are opened later from becoming stdin, stdout or stderr."""
    try:
        os.fstat(descriptor)
    except OSError:
        # The lowest free number is given, and those below are taken.
        os.open(os.devnull, os.O_RDONLY if descriptor == 0 else os.O_WRONLY)


def _writable(stream: TextIO | None) -> TextIO:
    """A stream that takes any text, what its encoding lacks as ``\\u2026``."""
    if stream is None:
        stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    with contextlib.suppress(AttributeError, ValueError):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]
    return stream
