"""Runs and sweeps as Python objects: nothing is read before it is asked for."""

import os
from collections.abc import Sequence
from pathlib import Path

from evolife.config.plugin_folders import folders
from evolife.results.run import Run
from evolife.results.sweep import Sweep
from evolife.storage.run_folder import open_run
from evolife.storage.sweep_folder import SweepFolder


def load(
    path: str | os.PathLike[str],
    plugins: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
) -> Run | Sweep:
    """Open the folder of a run, or of a sweep, for reading.

    Args:
        path: a folder that ``evolife train`` or ``evolife sweep`` wrote, also one that
            is still being written.
        plugins: one or several folders with ``agents/`` and ``envs/`` of your own; they
            replace those that the run was made with and that are not on this machine.

    Returns:
        A ``Run`` with ``config``, ``metrics``, ``champions``, ``life_curves``,
        ``control`` and ``manifest``; or a ``Sweep`` with ``runs`` and ``table``.

    Raises:
        InvalidInput: it is neither.
    """
    folder, anew = Path(path), tuple(map(os.path.abspath, folders(plugins)))
    if SweepFolder(folder).is_sweep():
        return Sweep(folder, plugins=anew)
    return Run(open_run(folder).path, plugins=anew)
