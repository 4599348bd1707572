"""What makes numbers equal everywhere: flags of XLA, settings of JAX, a device."""

import contextlib
import importlib.metadata
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from evolife.errors import InvalidInput

_FUSION = "xla_cpu_experimental_ynn_fusion_type"
FAULTY = {"0.10.2": _FUSION}
"""jaxlib that computes ``sum((matrix @ row) ** 2)`` of over 32,768 rows wrong, with the
flag that says which sums are fused so: none, if it is empty."""

_SETTINGS = {
    "JAX_ENABLE_X64": "0",
    "JAX_NUMPY_DTYPE_PROMOTION": "standard",
    "JAX_NUMPY_RANK_PROMOTION": "allow",
}
"""What evolife's own code and that of agents and environments is written for."""


def jaxlib_version() -> str:
    """The installed jaxlib, without importing it."""
    return importlib.metadata.version("jaxlib")


def exact_flags(given: str) -> str:
    """``XLA_FLAGS`` with what the installed jaxlib needs; what is set stays."""
    flag = FAULTY.get(jaxlib_version())
    added = [f"--{flag}="] if flag and flag not in given else []
    return " ".join([*given.split(), *added])


def use_own_settings(env: MutableMapping[str, str]) -> None:
    """Let JAX start with our settings in a process of our own."""
    env.update(_SETTINGS)


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Compute with our settings in somebody else's process; theirs come back.

    Usable as a decorator, too.
    """
    import jax

    with (
        jax.enable_x64(False),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        yield


def check_device() -> None:
    """Refuse a ``JAX_PLATFORMS`` that this machine has no device for.

    Raises:
        InvalidInput: names the variable, JAX's reason and the remedy.
    """
    import jax

    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        wanted = getattr(jax.config, "jax_platforms", None)
        reason = str(error).split(" (set JAX_PLATFORMS")[0].strip().partition("\n")[0]
        raise InvalidInput(
            f"JAX_PLATFORMS={wanted}: JAX finds no such device here"
            f"{f' ({reason})' if reason else ''}; unset it, set JAX_PLATFORMS=cpu, or "
            f"install a JAX for that device"
        ) from error


def warn_of_late_flags() -> None:
    """Warn where JAX had computed before the flag that it needs was set."""
    if jaxlib_version() in FAULTY and not _exact():
        warnings.warn(
            f"jaxlib {jaxlib_version()} computes some sums over more than 32,768 rows "
            "wrong, and JAX had started before evolife could prevent it: call evolife "
            "before JAX computes anything, use another jaxlib, or set, before Python "
            f"starts, XLA_FLAGS='--{_FUSION}= --xla_cpu_multi_thread_eigen=false' "
            "(without the second, bits depend on threads)",
            stacklevel=3,
        )


def advice(env: Mapping[str, str]) -> list[str]:
    """What ``evolife doctor`` says of this jaxlib and of the user's variables."""
    lines, version = [], jaxlib_version()
    if version in FAULTY:
        flag = f"--{FAULTY[version]}="
        ours = flag in exact_flags(env.get("XLA_FLAGS", "")).split()
        lines.append(
            f"jaxlib {version} computes some sums over more than 32,768 rows wrong: "
            + (
                f"{flag} is set by evolife"
                if ours
                else f"your XLA_FLAGS should have {flag}"
            )
            + "; Python 3.12 and later have a jaxlib without this fault"
        )
    for name, value in _SETTINGS.items():
        if env.get(name, value).lower() not in (value, "false", ""):
            lines.append(f"{name}={env[name]}: evolife computes with {name}={value}")
    if env.get("JAX_PLATFORMS") and (refusal := _refusal(env)):
        lines.append(refusal)
    return lines


def _refusal(env: Mapping[str, str]) -> str | None:
    """What :func:`check_device` would say, asked in a process that may start JAX."""
    code = f"from {__name__} import check_device; check_device()"
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, env=dict(env), capture_output=True, text=True)
    said = done.stderr.strip().rpartition("\n")[2]
    return said.partition(": ")[2] if done.returncode else None


def _exact() -> bool:
    """Whether the program that the faulty jaxlib gets wrong comes out right."""
    import jax
    import numpy as np

    def program(matrix: Any, rows: Any) -> Any:
        return jax.vmap(lambda row: ((matrix @ row) ** 2).sum())(rows)

    # Small integers, so that every order of the sums is exact.
    rows = (np.arange(3 * (2**15 + 1)) % 11).reshape(-1, 3).astype(np.float32)
    matrix = np.arange(9).reshape(3, 3).astype(np.float32)
    found = jax.device_get(jax.jit(program)(matrix, rows))
    return bool((found == ((rows @ matrix.T) ** 2).sum(axis=1)).all())
