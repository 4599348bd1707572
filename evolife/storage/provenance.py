"""Which code is running: the package's version, its git commit and its source hash."""

import configparser
import hashlib
import importlib.metadata
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evolife import version

_PACKAGE = Path(version.__file__).parent
_SOURCES = (".py", ".yaml", ".json")
# Not a direct dependency, but numerics depend on it more than on any other.
_BESIDE = ("jaxlib",)


def code_identity() -> dict[str, Any]:
    """Return version, git commit and source hash of the code that is running.

    Asks git in a child process: call it before MPI starts, because a fork after that
    may corrupt the ranks' memory.
    """
    return {
        "version": version.__version__,
        "git": git_state(_PACKAGE),
        "source_sha256": source_sha256(_PACKAGE),
    }


def git_state(package: Path) -> dict[str, Any] | None:
    """Return ``{"commit", "dirty"}``; None where git does not track the package."""
    tracked = _git(package, "ls-files", "--error-unmatch", "__init__.py")
    commit = _git(package, "rev-parse", "HEAD")
    if tracked is None or commit is None:
        return None
    changes = _git(package, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": changes != ""}


def source_sha256(package: Path) -> str:
    """Hash names and content of all source files, agents and environments included."""
    hasher = hashlib.sha256()
    for path in sorted(_source_files(package)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        hasher.update(f"{path.relative_to(package).as_posix()} {content}\n".encode())
    return hasher.hexdigest()


def package_versions() -> dict[str, str | None]:
    """Return the installed version of every package that evolife requires."""
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in _requirements()]
    return {name: _version(name) for name in sorted({*names, *_BESIDE})}


def _requirements() -> list[str]:
    try:
        lines = importlib.metadata.requires("evolife") or []
    except importlib.metadata.PackageNotFoundError:
        # A bare clone is run without being installed.
        setup = configparser.ConfigParser()
        setup.read(_PACKAGE.parent / "setup.cfg")
        wanted = setup.get("options", "install_requires", fallback="")
        lines = wanted.split("\n")
    return [line for line in lines if line.strip() and "extra ==" not in line]


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _source_files(package: Path) -> Iterator[Path]:
    # agents, envs and launch are links in a checkout and folders in a wheel.
    for folder, _, names in os.walk(package, followlinks=True):
        yield from (Path(folder, n) for n in names if n.endswith(_SOURCES))


def _git(folder: Path, *question: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *question],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
