"""Champions on disk as others read them: the table in ``champions.json``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evolife.errors import InvalidInput, pasted
from evolife.storage.run_folder import RunFolder


def path_of(run: RunFolder) -> Path:
    """The file of the table."""
    return run.champions / "champions.json"


def read(run: RunFolder) -> list[dict[str, Any]]:
    """The rows of the table, best first.

    Raises:
        InvalidInput: the run has no champions yet, or the file is damaged.
    """
    rows: list[dict[str, Any]] = read_document(run)["champions"]
    return rows


def read_document(run: RunFolder) -> dict[str, Any]:
    """All of the file: the table, and what is known of the environment.

    Raises:
        InvalidInput: the run has no champions yet, or the file is damaged.
    """
    path = path_of(run)
    if not path.exists():
        raise InvalidInput(
            f"{run.path} has no champions yet; let it end with "
            f"evolife train --resume {pasted(run.path)}"
        )
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, OSError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}; {_again(run)}") from error
    table = document.get("champions") if isinstance(document, dict) else None
    if not isinstance(table, list) or not table or not all(map(_is_row, table)):
        raise InvalidInput(f"{path} is damaged: no table of champions; {_again(run)}")
    return dict(document)


def known_rows(run: RunFolder) -> list[dict[str, Any]]:
    """The rows of the table; none where there is none yet, or it is damaged."""
    try:
        rows = json.loads(path_of(run).read_bytes())["champions"]
        return [dict(row) for row in rows]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _is_row(row: Any) -> bool:
    kinds = {"rank": int, "file": str, "source": str, "selected": float | int | None}
    return isinstance(row, dict) and all(
        isinstance(row.get(key), kind) for key, kind in kinds.items()
    )


def _again(run: RunFolder) -> str:
    return f"let them be written again by evolife train --resume {pasted(run.path)}"


def file_name(rank: int) -> str:
    """File of the genome at a place of the table, from 1."""
    return f"agent_{rank:03d}.safetensors"


def markdown(table: Sequence[dict[str, Any]]) -> str:
    """The table of champions for the dashboard."""
    lines = [
        "| # | source | selected | validated | held-out | 95% interval | gap |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in table:
        low, high = row["interval"]
        lines.append(
            f"| {row['rank']} | {row['source']} of generation {row['generation']} "
            f"| {_cell(row['selected'])} | {_cell(row['validated'])} "
            f"| {_cell(row['held_out'])} "
            f"| {_cell(low)} .. {_cell(high)} | {_cell(row['gap'])} |"
        )
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4g}"
