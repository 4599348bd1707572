"""The new lines of ``metrics.jsonl``, however long the file is."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from evolife.errors import InvalidInput
from evolife.storage.files import storage_errors
from evolife.storage.metrics import parsed

_WHOLE_BYTES = 4 * 2**20
"""More news than that is sampled, so that looking takes no longer for a long run."""
_LAST_BYTES = 2**20
_SAMPLES = 400
_MARK_BYTES = 200


class Tail:
    """Reads a growing file of JSON lines from where it stopped.

    A resume may cut the file: what was read last is then gone, and all is read again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._forget()
        self.changed: float | None = None
        """When the file was last written, in seconds since 1970; None: no file yet."""

    def read(self) -> tuple[list[dict[str, Any]], bool]:
        """Return whole lines that are new, in order, and whether to forget older ones.

        Of very many only some are returned, and all of the last. Damaged lines are left
        out. Raises ``InvalidInput`` where the file is there and cannot be read.
        """
        with storage_errors("read", self._path, InvalidInput):
            try:
                with self._path.open("rb") as file:
                    return self._read(file)
            except FileNotFoundError:
                self.changed = None
        restarted = self._offset > 0
        self._forget()
        return [], restarted

    def _forget(self) -> None:
        self._offset, self._mark, self._file = 0, b"", 0

    def _read(self, file: IO[bytes]) -> tuple[list[dict[str, Any]], bool]:
        found = os.fstat(file.fileno())
        self.changed = found.st_mtime
        file.seek(self._offset - len(self._mark))
        other = self._offset > 0 and found.st_ino != self._file
        restarted = file.read(len(self._mark)) != self._mark or other
        if restarted:
            self._forget()
            file.seek(0)
        lines: list[bytes] = []
        if found.st_size - self._offset > _WHOLE_BYTES:
            lines = self._sampled(file, found.st_size)
        content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._offset = file.tell() - len(content) + len(whole)
        self._file = found.st_ino
        file.seek(max(0, self._offset - _MARK_BYTES))
        self._mark = file.read(min(self._offset, _MARK_BYTES))
        return list(_parsed([*lines, *whole.splitlines()])), restarted

    def _sampled(self, file: IO[bytes], size: int) -> list[bytes]:
        """Evenly spaced lines; leaves ``file`` at a line near its end."""
        end = size - _LAST_BYTES
        stride = (end - self._offset) / _SAMPLES
        lines = [file.readline()]
        for sample in range(1, _SAMPLES):
            file.seek(self._offset + int(sample * stride))
            file.readline()
            if file.tell() >= end:
                break
            lines.append(file.readline())
        file.seek(max(end, file.tell()))
        file.readline()
        return lines


def _parsed(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    """Lines that tell of a generation, each of a later one than those before."""
    last = -1
    for found in parsed(b"\n".join(lines)):
        if found["generation"] > last:
            last = found["generation"]
            yield found
