"""What is unfinished of a sweep, handed to Slurm as one array."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from evolife.errors import EvolifeError, InvalidInput, pasted
from evolife.storage.files import storage_errors, write_atomically
from evolife.storage.lock import is_locked, locked
from evolife.storage.sweep_folder import Entry, SweepFolder
from evolife.storage.sweep_status import standing
from evolife.storage.sweep_summary import summary
from evolife.sweeps import opening, slurm
from evolife.sweeps.preparing import Prepared
from evolife.sweeps.rehearsal import refuse
from evolife.sweeps.running import still_open


def submit(
    prepared: Prepared, out: Path | None = None, *, max_parallel: int | None = None
) -> dict[str, Any]:
    """Write the script of a Slurm array for what is unfinished, and hand it in.

    Raises:
        InvalidInput: runs depend on one another, the folder holds something else, or
            there is no sbatch here; the script is written nevertheless.
        EvolifeError: sbatch refuses.
    """
    spec = prepared.sweep.spec
    if spec.method == "bayes" or spec.early_terminate:
        raise InvalidInput(
            "method bayes and early_terminate decide while runs go on, which an array "
            "cannot; use the local launcher within one job"
        )
    path = (out or opening.default_path(prepared.sweep)).absolute()
    refuse(prepared.sweep, still_open(prepared, SweepFolder(path)))
    folder = opening.make(prepared.sweep, path)
    with locked(folder.path):
        entries = prepared.entries
        opening.note_entries(folder, entries)
        lines = [i for i, entry in enumerate(entries) if _is_idle(folder, entry)]
        if not lines:
            return summary(folder)
        command = [sys.executable, "-m", "evolife"]
        text = slurm.script(
            spec.slurm, spec.name, folder.path, lines, command, max_parallel
        )
        file = folder.path / "sweep.sbatch"
        with storage_errors("write the script", file):
            write_atomically(file, text.encode())
    job = _hand_in(file)
    return {**summary(folder), "script": str(file), "job": job}


def _is_idle(folder: SweepFolder, entry: Entry) -> bool:
    """Whether a run is to be done and no task is at it."""
    return standing(folder, entry).is_open and not is_locked(folder.run(entry.run).path)


def _hand_in(script: Path) -> str:
    if shutil.which("sbatch") is None:
        raise InvalidInput(
            f"there is no sbatch here; the script is written: submit it with "
            f"sbatch {pasted(script)} where there is, or use --launcher local"
        )
    done = subprocess.run(["sbatch", str(script)], capture_output=True, text=True)
    if done.returncode:
        raise EvolifeError(f"sbatch {pasted(script)}: {done.stderr.strip()}")
    return done.stdout.strip().rpartition(" ")[2]
