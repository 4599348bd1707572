"""Decides how this process runs: alone, by starting local ranks, or in a world.

Nothing here imports JAX; MPI is loaded only where local ranks may be started.
"""

import dataclasses
import os
from collections.abc import Mapping
from typing import Literal

from evolife.errors import InvalidInput
from evolife.processes import mpirun
from evolife.processes.affinity import usable_cores
from evolife.processes.granted_cores import number


@dataclasses.dataclass(frozen=True)
class Launcher:
    """The variables in which one kind of launcher tells a process its place."""

    name: str
    rank: str
    size: str
    local_rank: str
    local_size: str
    gives_cores: bool = False
    """Whether its tasks are given cores; one task alone divides them as it likes."""


_SRUN = Launcher(
    "srun",
    "SLURM_PROCID",
    # Only steps have it: the shell of a batch script is alone.
    "SLURM_STEP_NUM_TASKS",
    "SLURM_LOCALID",
    "SLURM_STEP_TASKS_PER_NODE",
    gives_cores=True,
)
_HYDRA = Launcher(
    "Hydra's mpiexec", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"
)
# mpirun inside a Slurm step sees Slurm's variables too, so Slurm comes late.
_LAUNCHERS = (
    Launcher(
        "Open MPI's mpirun",
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_RANK",
        "OMPI_COMM_WORLD_LOCAL_SIZE",
    ),
    Launcher(
        "MVAPICH's launcher",
        "MV2_COMM_WORLD_RANK",
        "MV2_COMM_WORLD_SIZE",
        "MV2_COMM_WORLD_LOCAL_RANK",
        "MV2_COMM_WORLD_LOCAL_SIZE",
    ),
    Launcher(
        "PALS mpiexec", "PALS_RANKID", "PMI_SIZE", "PALS_LOCAL_RANKID", "PMI_LOCAL_SIZE"
    ),
    _HYDRA,
    Launcher(
        "flux run",
        "FLUX_TASK_RANK",
        "FLUX_JOB_SIZE",
        "FLUX_TASK_LOCAL_ID",
        "",
        gives_cores=True,
    ),
    _SRUN,
)
_MOST_A_CORE = 32
"""More local ranks than that are a slip of the finger, and could bury the machine."""
_PMIX_RANK = "PMIX_RANK"
_INNER_SHELLS = frozenset({"SLURM_PTY_PORT", "FLUX_URI"})
"""Set in a Slurm step by an interactive shell or a Flux instance: users are alone."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a launcher put this process; 0 sizes are those it does not tell."""

    launcher: str
    rank: int
    size: int
    local_rank: int
    local_size: int


@dataclasses.dataclass(frozen=True)
class Plan:
    """How to run: ``start`` that many local ranks, or ``join`` a world of that many.

    Joining 1 is running alone, and 0 a world whose launcher does not tell its size.
    ``note`` is worth showing to the user where it is not empty.
    """

    mode: Literal["start", "join"]
    ranks: int
    note: str = ""


def place(env: Mapping[str, str] | None = None) -> Place | None:
    """Read where a launcher put this process; None if no launcher started it.

    None, too, for the only task of a Slurm or Flux step: notebooks and interactive
    shells run in one, and its cores are theirs to use.
    """
    env = os.environ if env is None else env
    inner = not _INNER_SHELLS.isdisjoint(env)
    for row in _LAUNCHERS:
        if {row.rank, row.size} <= env.keys() and not _misleads(row, env, inner):
            found = _place(row, env)
            return None if row.gives_cores and found.size == 1 else found
    if _PMIX_RANK in env and not inner:
        return Place("a PMIx launcher", number(env, _PMIX_RANK), 0, 0, 0)
    return None


def plan_ranks(requested: int | Literal["auto"]) -> Plan:
    """Decide how this process runs, given ``--ranks``.

    Raises ``InvalidInput`` for a count below 1 or far above the cores, one that differs
    from the launcher's, and one above 1 where no ranks can be started.
    """
    if requested != "auto" and requested < 1:
        raise InvalidInput(f"--ranks {requested}: allowed are 1 or more, and 'auto'")
    here = place()
    if here is not None and (here.size != 1 or requested in ("auto", 1)):
        return _join(requested, here)
    return _start(requested)


def _start(requested: int | Literal["auto"]) -> Plan:
    cores = usable_cores()
    wanted = cores if requested == "auto" else requested
    most = _MOST_A_CORE * cores
    if wanted > most:
        raise InvalidInput(
            f"--ranks {wanted}: allowed are up to {most} here, {_MOST_A_CORE} a core"
        )
    if wanted == 1:
        return Plan("join", 1)
    obstacle = mpirun.obstacle()
    if not obstacle:
        return Plan("start", wanted)
    if requested == "auto":
        return Plan("join", 1, f"running on 1 of {wanted} cores: {obstacle}")
    raise InvalidInput(f"--ranks {requested}: {obstacle}, or use --ranks 1")


def _join(requested: int | Literal["auto"], here: Place) -> Plan:
    if requested != "auto" and here.size not in (0, requested):
        raise InvalidInput(
            f"--ranks {requested} contradicts {here.launcher}, which started "
            f"{here.size}: omit --ranks, or start evolife without a launcher"
        )
    cores = usable_cores() if requested == "auto" and here.size == 1 else 1
    note = f"running on 1 of {cores} cores, as {here.launcher} was asked to; "
    return Plan(
        "join", here.size, f"{note}--ranks {cores} uses all" if cores > 1 else ""
    )


def _misleads(row: Launcher, env: Mapping[str, str], inner: bool) -> bool:
    """Whether variables were left by somebody else than the last launcher."""
    # srun --mpi=pmi2 sets those of Hydra that MPI needs, and no others.
    pmi2 = row is _HYDRA and row.local_rank not in env and _SRUN.size in env
    return pmi2 or (row is _SRUN and inner)


def _place(launcher: Launcher, env: Mapping[str, str]) -> Place:
    names = launcher.rank, launcher.size, launcher.local_rank, launcher.local_size
    return Place(launcher.name, *(number(env, name) for name in names))
