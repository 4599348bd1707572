"""Runs and sweeps looked at while they go on: files are read, nothing is touched."""

import os
from pathlib import Path
from typing import Any

from evolife.errors import our_errors
from evolife.results.live.run_view import RunView
from evolife.results.live.sweep_view import SweepView
from evolife.results.load import Run, Sweep
from evolife.storage.run_folder import open_run
from evolife.storage.sweep_folder import SweepFolder


def watch(path: str | os.PathLike[str] | Run | Sweep) -> dict[str, Any]:
    """Look once at a run or a sweep, also while it goes on.

    Args:
        path: folder of the run or of the sweep, or what ``evolife.load`` gave.

    Returns:
        The document that ``evolife watch --json`` prints: state, how far it has come,
        fitness and validation so far, pace, and what is left in seconds.

    Raises:
        InvalidInput: the folder is neither, or cannot be read.
    """
    folder = path.path if isinstance(path, Run | Sweep) else Path(path)
    return open_view(folder).snapshot()


def open_view(path: Path) -> RunView | SweepView:
    """What looks again and again; it reads only what has come since.

    Raises:
        InvalidInput: the folder is neither run nor sweep, or cannot be read.
    """
    with our_errors():
        folder = SweepFolder(path)
        return SweepView(folder) if folder.is_sweep() else RunView(open_run(path))
