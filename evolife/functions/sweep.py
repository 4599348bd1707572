"""``evolife.sweep``: many runs from Python.

A process that JAX has made many threads in cannot safely start others that prepare
themselves, so the sweep is run by a process of its own.
"""

import json
import os
from collections.abc import Callable
from typing import Any, Literal

from evolife.config.sources import Override, override_texts
from evolife.errors import our_errors
from evolife.functions.started import complaint, finished

Folder = str | os.PathLike[str]


def sweep(
    source: Folder,
    *overrides: Override,
    base: Folder | None = None,
    out: Folder | None = None,
    launcher: Literal["local", "slurm"] = "local",
    max_parallel: int | None = None,
    yes: bool = False,
    tell: Callable[[str], None] | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Expand a sweep and run what is unfinished of it; call it again to go on.

    Args:
        source: a bundled sweep's name, a YAML file, or the folder of a sweep.
        overrides: changes to the base of all runs, as ``"agent.hidden=64"`` or
            ``{"agent.hidden": 64}``.
        base: config that the runs change, instead of the file's own.
        out: folder of the sweep; ``runs/sweep-NAME`` if not given.
        launcher: processes of this machine, or one Slurm array.
        max_parallel: most runs at a time; as many as there are cores if not given.
        yes: allow more than 100,000 runs.
        tell: hears one line about each run that ends.
        settings: changes as ``agent__hidden=64``.

    Returns:
        The document that ``evolife sweep --json`` prints: the folder, the count of runs
        by state, one entry a run, and the best. A run that failed is told of in it.

    Raises:
        InvalidInput: something is wrong with the file or a run, or the folder holds
            something else or is in use.
        Stopped: Ctrl-C or another signal came; all runs have their checkpoints.
    """
    # Options first: a text that begins with a dash is no option then.
    words = ["sweep", "--json", f"--launcher={launcher}"]
    words += [f"--base={os.fspath(base)}"] if base is not None else []
    words += [f"--out={os.fspath(out)}"] if out is not None else []
    words += [f"--max-parallel={max_parallel}"] if max_parallel is not None else []
    words += ["--yes"] if yes else []
    with our_errors():
        changes = override_texts(overrides, settings)
        end = finished([*words, os.fspath(source), *changes], tell)
    if not end.said:
        raise complaint(end)
    report: dict[str, Any] = json.loads(end.said)
    return report
