"""The environment in which mpirun starts ranks on this machine.

Neither a batch system nor a preset for another MPI library has a say in it: local
ranks need this machine's cores and shared memory, and what a job's variables name may
not even be there, as in a container.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from evolife.processes.surroundings import home

_BATCH = (
    *("SLURM_", "SLURMD_", "PBS_", "LSB_", "LSF_", "LS_SUBCWD", "SGE_", "OAR_"),
    *("COBALT_", "LOADL", "FLUX_", "BASIL_", "CCP_", "PE_HOSTFILE"),
)
"""Beginnings of names by which batch systems tell of a job; ranks see them again."""
_MPI = (
    *("OMPI_", "OPAL_", "ORTE_", "PRTE_", "PMIX_", "PMI_", "PMI2_", "PALS_", "JSM_"),
    *("MV2_", "MPICH_", "MPIR_", "MPIEXEC_", "MPI_LOCAL", "HYDRA_", "I_MPI_", "ALPS_"),
    *("FI_", "UCX_"),
)
"""Beginnings of names that an outer launcher sets, or a site for its library."""
_SHARED_MEMORY = {
    "OMPI_MCA_pml": "ob1",
    # Probing network fabrics takes a second.
    "OMPI_MCA_btl": "^ofi",
    **{f"{part}_MCA_mca_base_param_files": "none" for part in ("OMPI", "PRTE", "PMIX")},
}
"""What Open MPI is told, whatever a user's or a site's file says."""


def batch_variables(env: Mapping[str, str]) -> dict[str, str]:
    """What a batch system says of the job that this process is part of."""
    return {name: value for name, value in env.items() if name.startswith(_BATCH)}


def local_environment(mpirun: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Return ``env`` as it should be for ``mpirun`` and the ranks it starts here."""
    clean = {
        name: value
        for name, value in env.items()
        if not name.startswith(_BATCH)
        and (not name.startswith(_MPI) or _belongs(name, value, mpirun))
    }
    clean.update(_SHARED_MEMORY)
    if os.geteuid() == 0:
        # In containers root is the usual user, and these ranks do nothing it could not.
        clean.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    # Open MPI does not start without one.
    clean.setdefault("HOME", home())
    if clean.get("LD_LIBRARY_PATH"):
        # A loaded module's libraries would be found before those of this mpirun.
        own = [*map(str, _libraries(mpirun)), clean["LD_LIBRARY_PATH"]]
        clean["LD_LIBRARY_PATH"] = os.pathsep.join(own)
    return clean


def _belongs(name: str, value: str, mpirun: Path) -> bool:
    """Whether a variable tells this very mpirun where it was moved to."""
    return name.endswith("_PREFIX") and mpirun.resolve().is_relative_to(value)


def _libraries(mpirun: Path) -> list[Path]:
    lib = mpirun.absolute().parents[1] / "lib"
    return [path for path in (lib, lib / "openmpi", lib / "mpich") if path.is_dir()]
