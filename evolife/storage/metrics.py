"""``metrics.jsonl``: one line a generation, safe against kills and resumes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evolife.errors import InvalidInput
from evolife.storage.files import storage_errors, write_atomically
from evolife.strict_json import dumps


def read(path: Path) -> list[dict[str, Any]]:
    """Return all whole lines; one torn by a kill at the end is left out.

    Raises ``InvalidInput`` if any other line is not a JSON object.
    """
    with storage_errors("read", path):
        content = path.read_bytes() if path.exists() else b""
    found = [parsed(line) for line in content.split(b"\n")[:-1]]
    if [] in found:
        raise InvalidInput(
            f"{path}, line {found.index([]) + 1}: not a JSON object with a generation; "
            "the file was altered: remove that line"
        )
    return [record for records in found for record in records]


def parsed(content: bytes) -> list[dict[str, Any]]:
    """The lines in a piece of the file that are whole, whatever surrounds them."""
    found = []
    for line in content.split(b"\n"):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("generation"), int):
            found.append(record)
    return found


class MetricsFile:
    """Appends to ``metrics.jsonl``; line g describes the state after g generations."""

    def __init__(self, path: Path) -> None:
        """Open for appending; call ``truncate_after`` first when resuming.

        Raises ``EvolifeError`` if the file cannot be written.
        """
        self._path = path
        with storage_errors("write", path):
            self._file = path.open("ab", buffering=0)

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one line and hand it to the operating system at once.

        ``record`` holds ``generation`` and flat keys such as ``fitness/best``. Raises
        ``EvolifeError`` if the disk is full.
        """
        rest = dumps(record).encode() + b"\n"
        with storage_errors("write", self._path):
            while rest:
                rest = rest[self._file.write(rest) or 0 :]

    def truncate_after(self, generation: int) -> dict[str, Any] | None:
        """Drop what lies beyond ``generation``, and a torn line; return the last kept.

        Atomic: a kill leaves the old file or the new one.
        """
        kept = [line for line in read(self._path) if line["generation"] <= generation]
        text = "".join(dumps(line) + "\n" for line in kept)
        with storage_errors("write", self._path):
            write_atomically(self._path, text.encode())
            self._file.close()
            self._file = self._path.open("ab", buffering=0)
        return kept[-1] if kept else None

    def close(self) -> None:
        """Close the file; every line is already with the operating system."""
        self._file.close()
