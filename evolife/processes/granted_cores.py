"""How many of this machine's cores a batch system granted, where it says so.

A job's mask of cores says it better, but not every site binds its jobs.
"""

import os
import re
from collections.abc import Mapping


def granted_cores(env: Mapping[str, str] | None = None) -> int | None:
    """Return the cores granted on this machine; None where no batch system says."""
    env = os.environ if env is None else env
    found = [each for each in (_slurm(env), _pbs(env), _sge(env), _lsf(env)) if each]
    return min(found, default=None)


def _slurm(env: Mapping[str, str]) -> int:
    here = number(env, "SLURM_CPUS_ON_NODE") or number(env, "SLURM_JOB_CPUS_PER_NODE")
    # A step's tasks are those that it has here, else the job's are meant.
    step = number(env, "SLURM_STEP_TASKS_PER_NODE")
    tasks = step or number(env, "SLURM_TASKS_PER_NODE") or 1
    wanted = tasks * number(env, "SLURM_CPUS_PER_TASK")
    return min(here, wanted) if here and wanted else here or wanted


def _pbs(env: Mapping[str, str]) -> int:
    if "PBS_JOBID" not in env:
        return 0
    return number(env, "NCPUS") or number(env, "PBS_NUM_PPN")


def _sge(env: Mapping[str, str]) -> int:
    alone = env.get("NHOSTS", "1") == "1" and "SGE_ROOT" in env
    return number(env, "NSLOTS") if alone else 0


def _lsf(env: Mapping[str, str]) -> int:
    # ``hostA 4 hostB 2``; the job's script runs on the first.
    words = env.get("LSB_MCPU_HOSTS", "").split()
    return int(words[1]) if len(words) > 1 and words[1].isdecimal() else 0


def number(env: Mapping[str, str], name: str) -> int:
    """The leading digits, as Slurm writes ``4(x2),3`` for its nodes; 0 for none."""
    digits = re.match(r"\d+", env.get(name, ""))
    return int(digits.group()) if digits else 0
