"""Many runs from one file: the function behind ``evolife sweep``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from evolife.errors import InvalidInput
from evolife.sweeps import running, submitting
from evolife.sweeps.preparing import prepare


def sweep(
    source: str | Path,
    *overrides: str,
    base: str | None = None,
    out: str | Path | None = None,
    launcher: Literal["local", "slurm"] = "local",
    max_parallel: int | None = None,
    yes: bool = False,
    tell: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Expand a sweep and run what is unfinished of it; call it again to go on.

    Args:
        source: a bundled sweep's name, a YAML file, or the folder of a sweep.
        *overrides: ``key=value`` changes to the base of all runs.
        base: config that the runs change, instead of the file's own.
        out: folder of the sweep; ``runs/sweep-NAME`` if not given.
        launcher: processes of this machine, or one Slurm array.
        max_parallel: most runs at a time; as many as there are cores if not given.
        yes: allow more than 100,000 runs.
        tell: hears one line about each run that ends.

    Returns:
        The folder, the count of runs by state, one entry a run, and the best; for
        Slurm also the script and the job's number.

    Raises:
        InvalidInput: something is wrong with the file or a run, or the folder holds
            something else or is in use.
        Stopped: a signal came; all runs have their checkpoints.
    """
    prepared = prepare(str(source), overrides, base, yes=yes)
    path = Path(source) if out is None and Path(source).is_dir() else out
    path = None if path is None else Path(path)
    if launcher == "slurm":
        return submitting.submit(prepared, path, max_parallel=max_parallel)
    if launcher != "local":
        raise InvalidInput(f"launcher {launcher}: allowed are local and slurm")
    return running.run(prepared, path, max_parallel=max_parallel, tell=tell)
