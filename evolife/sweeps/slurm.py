"""A sweep as one Slurm array; the text of its script is a pure function."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from evolife.errors import Stopped
from evolife.sweeps.spec import Slurm

MOST_TASKS = 1_000
"""Elements of one array: Slurm's own limit is 1,001 unless a site raised it."""
_GRACE_SECONDS = 120


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
