"""A file of TensorBoard events, encoded when they come and written at every flush.

``tensorboardX.SummaryWriter`` hands events to a thread: when the disk is full that
thread dies and the next call waits for ever, and what is queued is lost at a kill. Here
everything happens in this thread, and what fails raises.
"""

import os
import struct
import time
from collections.abc import Sequence
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event

from evolife.dashboard.checksum import checksums
from evolife.storage.files import storage_errors


def encoded(events: Sequence[Event]) -> bytes:
    """A whole event file of ``events``, stamped with the time of now."""
    stamped = [Event(file_version="brain.Event:2"), *events]
    for event in stamped:
        event.wall_time = time.time()
    return framed([event.SerializeToString() for event in stamped])


def framed(records: Sequence[bytes]) -> bytes:
    """The records one after the other, each with its length and two checksums."""
    lengths = [struct.pack("<Q", len(record)) for record in records]
    sums = zip(checksums(lengths).tolist(), checksums(records).tolist(), strict=True)
    parts: list[bytes] = []
    for length, record, (before, after) in zip(lengths, records, sums, strict=True):
        front, back = struct.pack("<I", before), struct.pack("<I", after)
        parts += (length, front, record, back)
    return b"".join(parts)


class EventFile:
    """Appends events to a new file; they are on the disk after the next flush."""

    def __init__(self, path: Path) -> None:
        """Create the file; raises ``EvolifeError`` if the disk refuses."""
        self._path = path
        self._waiting: list[bytes] = []
        with storage_errors("write the event files in", path.parent):
            self._file = path.open("xb")
        self.add(Event(file_version="brain.Event:2"))

    def add(self, event: Event) -> None:
        """Stamp and encode an event, which may be altered and used again after."""
        event.wall_time = time.time()
        self._waiting.append(event.SerializeToString())

    def flush(self) -> None:
        """Wait until everything is on the disk; raises ``EvolifeError`` if it fails."""
        content = framed(self._waiting)
        with storage_errors("write the event files in", self._path.parent):
            self._file.write(content)
            self._waiting.clear()
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Flush and close the file."""
        try:
            self.flush()
        finally:
            with storage_errors("write the event files in", self._path.parent):
                self._file.close()
