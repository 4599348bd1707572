"""Optuna's journal after a kill: nothing half written, and no lock that nobody holds.

Optuna 5.0 appends to a torn last line and fails at every later start, and waits for a
lock that a killed process left: for half a minute, or for ever where the lock points to
a relative path.
"""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path

from evolife.errors import InvalidInput
from evolife.storage.files import storage_errors, write_atomically

_LOCK, _BEGINS = ".lock", b'{"op_code"'


def mend(path: Path, tell: Callable[[str], None]) -> None:
    """Make the journal at ``path`` what Optuna can open, if it is there.

    The caller keeps the sweep's folder to itself, so that whoever held Optuna's lock is
    gone. ``tell`` hears one line of whatever was done.

    Raises:
        InvalidInput: a line is damaged as no kill leaves it.
        EvolifeError: the file cannot be read or written.
    """
    # The lock is a link; a kill within its release leaves it under a longer name.
    with storage_errors("remove the lock beside", path):
        for lock in path.parent.glob(f"{path.name}{_LOCK}*"):
            with contextlib.suppress(FileNotFoundError):
                lock.unlink()
            tell(f"{lock}: left by a sweep that was killed; removed")
    with storage_errors("read", path):
        before = path.read_bytes() if path.exists() else b""
    after = b"".join(
        _whole(path, number, line)
        for number, line in enumerate(io.BytesIO(before), start=1)
    )
    if after != before:
        with storage_errors("mend", path):
            write_atomically(path, after)
        tell(
            f"{path}: {len(before) - len(after)} bytes half written by a kill; cut off"
        )


def _whole(path: Path, number: int, line: bytes) -> bytes:
    """A line as it should be: itself, or what was appended to a torn one."""
    if not line.endswith(b"\n"):
        # The last: its writer was killed before anybody could rely on it.
        return b""
    starts = [i for i in range(len(line)) if line.startswith(_BEGINS, i)]
    for start in starts:
        try:
            json.loads(line[start:])
        except ValueError:
            continue
        return line[start:]
    raise InvalidInput(
        f"{path}, line {number}: not a record of Optuna; move the file away, and the "
        "search starts over beside the runs that there are"
    )
