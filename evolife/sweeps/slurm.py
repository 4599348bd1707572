"""A sweep as one Slurm array; the text of its script is a pure function."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evolife.errors import EvolifeError, InvalidInput, Stopped, pasted
from evolife.storage.files import storage_errors, write_atomically
from evolife.storage.lock import is_locked, locked
from evolife.storage.sweep_folder import Entry, SweepFolder
from evolife.storage.sweep_status import standing, summary
from evolife.sweeps.local import still_open
from evolife.sweeps.prepare import Prepared, default_path, make, note_entries
from evolife.sweeps.rehearsal import refuse
from evolife.sweeps.spec import Slurm

MOST_TASKS = 1_000
"""Elements of one array: Slurm's own limit is 1,001 unless a site raised it."""
_GRACE_SECONDS = 120


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
    path = (out or default_path(prepared.sweep)).absolute()
    refuse(prepared.sweep, still_open(prepared, SweepFolder(path)))
    folder = make(prepared.sweep, path)
    with locked(folder.path):
        entries = prepared.entries
        note_entries(folder, entries)
        lines = [i for i, entry in enumerate(entries) if _is_idle(folder, entry)]
        if not lines:
            return summary(folder)
        command = [sys.executable, "-m", "evolife"]
        text = script(spec.slurm, spec.name, folder.path, lines, command, max_parallel)
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


def script(
    slurm: Slurm,
    name: str,
    folder: Path,
    lines: Sequence[int],
    command: Sequence[str],
    most: int | None = None,
) -> str:
    """The script that runs lines ``lines`` (from 0) of the manifest in ``folder``.

    ``command`` is how evolife is started there, ``most`` how many runs go at a time.
    A task takes every ``n``-th of the lines where there are more than one array holds.
    """
    tasks = min(len(lines), MOST_TASKS)
    limit = f"%{most}" if most else ""
    own = {
        "job-name": name,
        "array": f"0-{tasks - 1}{limit}",
        "ntasks": str(slurm.ntasks),
        "cpus-per-task": "1",
        "mem-per-cpu": slurm.mem_per_cpu,
        "time": slurm.time,
        "partition": slurm.partition,
        "account": slurm.account,
        # Time to write a checkpoint before the limit.
        "signal": f"USR1@{_GRACE_SECONDS}",
        "output": f"{folder}/logs/slurm-%A_%a.log",
    }
    options = [f"--{key}={_quoted(value)}" for key, value in own.items() if value]
    head = [f"#SBATCH {option}" for option in [*options, *slurm.options]]
    words = shlex.join([*command, "sweep", str(folder)])
    listed = " ".join(map(str, lines))
    body = [
        f"lines=({listed})",
        "failed=0",
        f"for ((i = SLURM_ARRAY_TASK_ID; i < ${{#lines[@]}}; i += {tasks})); do",
        f'  srun {words} --line "${{lines[i]}}"',
        "  code=$?",
        f'  {words} --line "${{lines[i]}}" --ended "$code"',
        # Stopped means that the time is over; a failed run is passed by.
        f"  [ $code -ne {Stopped.exit_code} ] || exit $code",
        "  [ $code -eq 0 ] || failed=1",
        "done",
        "exit $failed",
    ]
    return "\n".join(["#!/usr/bin/env bash", *head, "", *slurm.setup, *body, ""])


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value else value
