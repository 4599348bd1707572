"""Which processor cores this process may use, and staying on one of them."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

from evolife.processes.granted_cores import granted_cores


def usable_cores(root: Path = Path("/")) -> int:
    """Count the cores this process may use on this machine.

    The least of its mask, a container's CPU quota and what a batch system granted.
    ``root`` is where ``sys/fs/cgroup`` and ``proc/self/cgroup`` are looked up.
    """
    limits = [len(allowed_cores()), *(math.ceil(quota) for quota in _quotas(root))]
    granted = granted_cores()
    return max(1, min([*limits, granted] if granted else limits))


def allowed_cores() -> list[int]:
    """Return the numbers of the cores the operating system allows, sorted."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def core_for(local_rank: int, local_ranks: int, cores: list[int]) -> int | None:
    """Choose the core of one of ``local_ranks`` ranks on a machine, or None for any.

    None where there are more ranks than cores, and where two such jobs would fit side
    by side: both would pick the same cores, while the scheduler spreads them.
    """
    if len(cores) < 2 or not len(cores) < 2 * local_ranks <= 2 * len(cores):
        return None
    return cores[local_rank % len(cores)]


def pin(core: int) -> bool:
    """Keep this process and its future threads on ``core``; False where impossible."""
    if not hasattr(os, "sched_setaffinity"):
        return False
    try:
        os.sched_setaffinity(0, {core})
    except OSError:
        return False
    return True


def _quotas(root: Path) -> Iterator[float]:
    """CPU quotas in cores: of control groups version 2, then version 1."""
    groups = root / "sys/fs/cgroup"
    for folder in (groups, groups / _own_group(root)):
        words = _words(folder / "cpu.max")
        if len(words) == 2 and words[0] != "max":
            yield int(words[0]) / int(words[1])
    quota = _words(groups / "cpu/cpu.cfs_quota_us")
    period = _words(groups / "cpu/cpu.cfs_period_us")
    if quota and period and int(quota[0]) > 0:
        yield int(quota[0]) / int(period[0])


def _own_group(root: Path) -> str:
    for word in _words(root / "proc/self/cgroup"):
        if word.startswith("0::/"):
            return word.removeprefix("0::/")
    return ""


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except OSError:
        return []
