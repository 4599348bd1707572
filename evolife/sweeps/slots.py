"""How runs share the cores of this machine: each its own, and none of them idle."""

import dataclasses

from evolife.errors import InvalidInput
from evolife.processes import mpirun
from evolife.processes.affinity import allowed_cores, usable_cores


@dataclasses.dataclass(frozen=True)
class Slot:
    """Room for one run at a time."""

    cores: tuple[int, ...]
    """Numbers of the cores that it may use; empty for any."""
    ranks: int
    """MPI ranks of a run in it."""


def slots(runs: int, most: int | None = None) -> list[Slot]:
    """Divide the cores among at most ``most`` runs at a time, of ``runs`` in all.

    Raises:
        InvalidInput: ``most`` is below 1.
    """
    if most is not None and most < 1:
        raise InvalidInput(f"--max-parallel {most}: allowed are 1 or more")
    usable, allowed = usable_cores(), allowed_cores()
    parallel = max(1, min(usable, runs, most or usable))
    ranks = usable // parallel
    if ranks > 1 and mpirun.obstacle():
        ranks = 1
    if len(allowed) < parallel * ranks or usable < len(allowed):
        # A quota of time, not of cores: which ones is the system's choice.
        return [Slot((), ranks) for _ in range(parallel)]
    return [
        Slot(tuple(allowed[i * ranks : (i + 1) * ranks]), ranks)
        for i in range(parallel)
    ]
