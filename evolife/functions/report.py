"""``evolife.report``: a page on sweeps and runs, from Python."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evolife.errors import our_errors
from evolife.results.load import Run, Sweep

Folder = str | os.PathLike[str]


def report(
    folders: Folder | Run | Sweep | Sequence[Folder | Run | Sweep],
    out: Folder | None = None,
) -> dict[str, Any]:
    """Write a page with figures, its pictures and a table of sweeps and runs.

    Args:
        folders: one or more, of runs or of sweeps, or what ``evolife.load`` gave.
        out: folder of the page; by default SWEEP/report or RUN/report of a single one,
            else a new one in ``runs/``.

    Returns:
        The document that ``evolife report --json`` prints: paths of what was written.

    Raises:
        InvalidInput: a folder is neither a run nor a sweep, or a package is missing.
        EvolifeError: the disk is full.
    """
    from evolife.reports.report import report as write

    if isinstance(folders, str | os.PathLike | Run | Sweep):
        folders = [folders]
    paths = [one.path if isinstance(one, Run | Sweep) else Path(one) for one in folders]
    with our_errors():
        return write(paths, None if out is None else Path(out))
