"""Copies a stream without the notices that Open MPI's mpirun frames in dashes."""

import os
import re

_RULE = b"-" * 74 + b"\n"
_LONGEST_NOTICE = 8192
_NEEDLESS = re.compile(
    rb"exited with\s+non-zero\s+status|MPI_ABORT was invoked|calling\s+\"abort\""
    rb"|exited on\s+signal \d+ \(User defined signal 1"
)


class ChatterFilter:
    """Drops framed notices about exit codes that the caller reports anyway.

    Other framed notices, such as a rank killed by a signal, pass whole.
    """

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Return what of the stream so far can be shown."""
        # Open MPI sends the zero byte that ends its text, too.
        self._held += data.replace(b"\0", b"")
        shown = b""
        while (start := self._start()) is not None:
            shown += self._take(start)
            end = self._held.find(b"\n" + _RULE, len(_RULE) - 1)
            if end < 0 and len(self._held) < _LONGEST_NOTICE:
                return shown
            length = end + 1 + len(_RULE) if end >= 0 else len(_RULE)
            notice = self._take(length)
            if not _NEEDLESS.search(notice):
                shown += notice
        return shown + self._take(self._undecided())

    def rest(self) -> bytes:
        """Return what is still held when the stream ends."""
        return self._take(len(self._held))

    def _start(self) -> int | None:
        if self._held.startswith(_RULE):
            return 0
        start = self._held.find(b"\n" + _RULE)
        return start + 1 if start >= 0 else None

    def _undecided(self) -> int:
        """Where a last line begins that may become a rule, else the end."""
        line = self._held.rfind(b"\n") + 1
        tail = self._held[line:]
        return line if tail and _RULE.startswith(tail) else len(self._held)

    def _take(self, length: int) -> bytes:
        taken, self._held = self._held[:length], self._held[length:]
        return taken


def copy_without_chatter(source: int, target: int) -> None:
    """Copy file descriptor ``source`` to ``target`` until it ends, as data arrives."""
    chatter = ChatterFilter()
    with os.fdopen(target, "wb", closefd=False) as shown:
        while data := os.read(source, 65536):
            shown.write(chatter.feed(data))
            shown.flush()
        shown.write(chatter.rest())
