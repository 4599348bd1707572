"""Copies a stream without the notices that Open MPI's mpirun frames in dashes."""

import contextlib
import dataclasses
import os
import re

_RULE = b"-" * 74 + b"\n"
_LONGEST_NOTICE = 8192
_NEEDLESS = re.compile(
    rb"exited with\s+non-zero\s+status|MPI_ABORT was invoked|calling\s+\"abort\""
    rb"|exited on\s+signal \d+ \(User defined signal 1"
)
# Of a line that is still arriving, as much as tells a warning from a failure.
_RANK = re.compile(rb"^(evolife: (?!warning: )(.{9}|.*\n)|rank \d+: )", re.MULTILINE)
_BEGINNING = 64
"""Bytes of a line that show who speaks."""


@dataclasses.dataclass(frozen=True)
class Heard:
    """What a stream that mpirun and ranks shared was used for."""

    notice: bool
    """mpirun had something to say that was shown."""
    rank: bool
    """A rank said something in evolife's name."""
    anything: bool
    """Somebody wrote something that was shown."""


class ChatterFilter:
    """Drops framed notices about exit codes that the caller reports anyway.

    Other framed notices, such as a rank killed by a signal, pass whole.
    """

    def __init__(self) -> None:
        self._held = self._line = b""
        self._notice = self._rank = self._anything = False

    @property
    def heard(self) -> Heard:
        """What was shown so far."""
        return Heard(self._notice, self._rank, self._anything)

    def feed(self, data: bytes) -> bytes:
        """Return what of the stream so far can be shown."""
        return self._noted(self._fed(data))

    def rest(self) -> bytes:
        """Return what is still held when the stream ends."""
        return self._noted(self._take(len(self._held)))

    def _noted(self, shown: bytes) -> bytes:
        # A line may arrive in pieces, of which only its beginning counts.
        text = self._line + shown
        self._rank |= _RANK.search(text) is not None
        self._anything |= bool(shown.strip())
        self._line = text[text.rfind(b"\n") + 1 :][:_BEGINNING]
        return shown

    def _fed(self, data: bytes) -> bytes:
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
                self._notice |= end >= 0
        return shown + self._take(self._undecided())

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


def copy_without_chatter(source: int, target: int) -> Heard:
    """Copy file descriptor ``source`` to ``target`` until it ends, as data arrives.

    A ``target`` that nobody reads any more does not keep ``source`` from being read.
    """
    chatter = ChatterFilter()
    with os.fdopen(target, "wb", buffering=0, closefd=False) as shown:

        def show(data: bytes) -> None:
            with contextlib.suppress(OSError):
                while data:
                    data = data[shown.write(data) or 0 :]

        while data := os.read(source, 65536):
            show(chatter.feed(data))
        show(chatter.rest())
    return chatter.heard
