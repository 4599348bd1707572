"""One process at a time writes in a run folder."""

import contextlib
import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from evolife.errors import InvalidInput
from evolife.storage.files import storage_errors

LOCK = ".lock"
"""File in the run folder; the operating system frees it however its holder ends."""
_NAP_SECONDS = 0.1
_HELD = {errno.EAGAIN, errno.EACCES}


@contextlib.contextmanager
def locked(folder: Path, patience: float = 5.0) -> Iterator[None]:
    """Keep the run ``folder`` to this process while the block runs.

    Waits up to ``patience`` seconds for another process to end: ranks whose parent was
    killed notice it a moment later. A file system without locks is trusted.

    Raises:
        InvalidInput: another process keeps it.
        EvolifeError: the lock cannot be written.
    """
    path = folder / LOCK
    with contextlib.ExitStack() as stack:
        with storage_errors("lock the run by", path):
            file = stack.enter_context(path.open("a+", buffering=1))
            if not _acquired(file, patience):
                raise InvalidInput(
                    f"{folder} is in use by {_holder(file)}; wait until it ends, or "
                    "choose another folder with --out DIR"
                )
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        yield


def is_locked(folder: Path) -> bool:
    """Whether another process keeps ``folder`` now; False where nobody can tell."""
    try:
        with (folder / LOCK).open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _HELD
    return False


def was_held_here(folder: Path) -> bool:
    """Whether the last to keep ``folder`` was of this machine, whose locks are known.

    A file system may keep the locks of other machines from this one.
    """
    try:
        holder = (folder / LOCK).read_text(errors="replace")
    except OSError:
        return False
    return holder.strip().endswith(f" on {socket.gethostname()}")


def _acquired(file: IO[str], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _HELD:
                # Some network file systems have no locks; runs there do without.
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(_NAP_SECONDS)
        else:
            return True


def _holder(file: IO[str]) -> str:
    file.seek(0)
    return file.read(200).strip() or "another process"
