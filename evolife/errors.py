"""What can go wrong, and the exit code each kind of failure ends with."""

import contextlib
import difflib
import os
import shlex
from collections.abc import Iterable, Iterator
from typing import Any


class EvolifeError(Exception):
    """Failed in the work: one clear message, exit code 1."""

    exit_code = 1


class InvalidInput(EvolifeError):
    """A bad config, argument or file: exit code 2."""

    exit_code = 2


class Stopped(EvolifeError):
    """Stopped by a signal with a valid checkpoint on disk: exit code 75."""

    exit_code = 75


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the closest allowed name, or nothing."""
    lowered = {option.lower(): option for option in allowed}
    close = difflib.get_close_matches(str(name).lower(), lowered, n=1, cutoff=0.5)
    return f"; did you mean '{lowered[close[0]]}'?" if close else ""


def pasted(path: str | os.PathLike[str]) -> str:
    """A path as a shell takes it back, for commands that a message offers."""
    return shlex.quote(os.fspath(path))


@contextlib.contextmanager
def our_errors() -> Iterator[None]:
    """Turn what the operating system refuses into ``InvalidInput``."""
    try:
        yield
    except OSError as error:
        what: Any = f"{error.filename}: " if error.filename else ""
        raise InvalidInput(f"{what}{error.strerror or error}") from error
