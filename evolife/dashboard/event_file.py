"""A file of TensorBoard events, encoded when they come and written at every flush.

``tensorboardX.SummaryWriter`` hands events to a thread: when the disk is full that
thread dies and the next call waits for ever, and what is queued is lost at a kill. Here
everything happens in this thread, and what fails raises. Checksums are tensorboardX's,
which counts in the interpreter where the package crc32c is not installed.
"""

import os
import struct
import time
from collections.abc import Sequence
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c

from evolife.storage.files import storage_errors


def encoded(events: Sequence[Event]) -> bytes:
    """A whole event file of ``events``, stamped with the time of now."""
    stamped = [Event(file_version="brain.Event:2"), *events]
    for event in stamped:
        event.wall_time = time.time()
    return b"".join(framed(event.SerializeToString()) for event in stamped)


def framed(record: bytes) -> bytes:
    """A record between its length and the checksums of both, as TensorFlow has it."""
    length = struct.pack("<Q", len(record))
    front, back = (struct.pack("<I", masked_crc32c(part)) for part in (length, record))
    return length + front + record + back


class EventFile:
    """Appends events to a new file; they are on the disk after the next flush."""

    def __init__(self, path: Path) -> None:
        """Create the file; raises ``EvolifeError`` if the disk refuses."""
        self._path = path
        self._waiting = bytearray()
        with storage_errors("write the event files in", path.parent):
            # Unbuffered: what a full disk refused would be tried, and told, once more
            # when Python ends.
            self._file = path.open("xb", buffering=0)
        self.add(Event(file_version="brain.Event:2"))

    def add(self, event: Event) -> None:
        """Stamp and encode an event, which may be altered and used again after."""
        event.wall_time = time.time()
        self._waiting += framed(event.SerializeToString())

    def flush(self) -> None:
        """Wait until everything is on the disk; raises ``EvolifeError`` if it fails."""
        with storage_errors("write the event files in", self._path.parent):
            while self._waiting:
                del self._waiting[: self._file.write(self._waiting) or 0]
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Flush and close the file."""
        try:
            self.flush()
        finally:
            with storage_errors("write the event files in", self._path.parent):
                self._file.close()
