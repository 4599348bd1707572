"""Files that are either whole or not there, and clear words when a disk says no."""

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evolife.errors import EvolifeError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}


class Inside:
    """A path of a fixed name below the ``path`` of the object it is asked of."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, folder: Any, kind: type) -> Path:
        found: Path = folder.path / self._name
        return found


@contextlib.contextmanager
def storage_errors(
    doing: str, path: Path, refused: type[EvolifeError] = EvolifeError
) -> Iterator[None]:
    """Turn any ``OSError`` inside into an error that names the path and a remedy.

    A full disk is always an ``EvolifeError``; anything else is ``refused``.
    """
    try:
        yield
    except OSError as error:
        kind = EvolifeError if error.errno in _FULL else refused
        raise kind(_explain(doing, path, error)) from error


def _explain(doing: str, path: Path, error: OSError) -> str:
    if error.errno in _FULL:
        remedy = "free some space (or raise the quota) and continue with --resume"
    elif error.errno in _DENIED:
        remedy = "make it writable, or choose another folder with --out DIR"
    elif error.errno in {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}:
        remedy = "something else has that name; choose another folder with --out DIR"
    elif error.errno in {errno.ENOENT, errno.ENAMETOOLONG}:
        remedy = "see that its folder is there, or choose another with --out DIR"
    else:
        remedy = "check the folder and its file system, then continue with --resume"
    return f"cannot {doing} {path}: {error.strerror or error}; {remedy}"


def write_atomically(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content``: after a crash it is the old or the new, whole.

    Raises ``OSError`` with nothing left behind and the old file untouched.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write_durably(beside, content)
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    sync_folder(path.parent)


def write_durably(path: Path, content: bytes) -> None:
    """Write a new file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync a folder; the rename stays atomic.
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """Return the hex SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
