"""Peers live in virtual environments of their own, built on demand."""

import functools
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / ".venvs"

# Each step is one call of pip. EvoJAX asks for more than its simulator needs, and its
# code was written for the JAX of its time.
PEERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "evotorch": (
        ("torch==2.13.0",),
        ("evotorch==0.6.1", "ray==2.60.0", "gymnasium==1.4.0"),
    ),
    "evojax": (
        ("jax==0.4.25", "jaxlib==0.4.25", "flax==0.8.1", "numpy<2", "scipy<1.13"),
        ("pillow",),
        ("--no-deps", "evojax==0.2.17"),
    ),
}
_BUILD_SECONDS = 900


class PeerUnavailable(Exception):
    """A peer could not be installed; says why."""


@functools.cache
def python_of(peer: str | None) -> Path:
    """The interpreter that has ``peer``; our own for None.

    Raises:
        PeerUnavailable: it could not be installed here.
    """
    if peer is None:
        return Path(sys.executable)
    home = FOLDER / peer
    python, stamp = home / "bin" / "python", home / "installed"
    steps = PEERS[peer]
    if stamp.exists() and stamp.read_text() == str(steps):
        return python
    _run(sys.executable, "-m", "venv", "--clear", str(home), peer=peer)
    for step in steps:
        _run(str(python), "-m", "pip", "install", "--quiet", *step, peer=peer)
    stamp.write_text(str(steps))
    return python


def _run(*command: str, peer: str) -> None:
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=quiet, timeout=_BUILD_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        message = f"{peer}: not installed within {_BUILD_SECONDS} s"
        raise PeerUnavailable(message) from error
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if "ERROR" in line]
        last = (words or done.stderr.splitlines() or ["no message"])[-1]
        raise PeerUnavailable(f"{peer}: not installed: {last[:300]}")
