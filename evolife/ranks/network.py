"""How fast the ranks of a job reach each other, by the calls that evolution makes."""

import dataclasses
import math
import statistics
import time
from collections.abc import Callable

import numpy as np

from evolife.errors import InvalidInput
from evolife.ranks.base import Ranks

_REPEATS = 20
_NUMBERS = 2**20


@dataclasses.dataclass(frozen=True)
class Network:
    """One hop between ranks; cautious guesses for an ordinary cluster.

    Raises:
        InvalidInput: a constant is not positive.
    """

    latency: float = 20e-6
    """Seconds."""
    bandwidth: float = 1e9
    """Bytes a second."""

    def __post_init__(self) -> None:
        """Refuse what no network has."""
        for name in ("latency", "bandwidth"):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise InvalidInput(
                    f"--{name} {value:g}: must be a finite number above 0; evolife "
                    "doctor under mpirun measures it"
                )


def measure_network(ranks: Ranks) -> Network:
    """Time one hop; collective.

    Latency is that of gathering a few bytes, over its ``ceil(log2 N)`` hops; bandwidth
    that of adding 8 MiB, each byte of which crosses the wire twice. Medians on rank 0.

    Raises:
        ValueError: there is one rank alone.
    """
    if ranks.size < 2:
        raise ValueError("one rank has no network")
    numbers = np.arange(_NUMBERS, dtype=np.int64)
    few = _seconds(lambda: ranks.gather_bytes(bytes(8)))
    many = _seconds(lambda: ranks.sum_integers(numbers))
    hops = math.ceil(math.log2(ranks.size))
    return Network(few / hops, 2 * numbers.nbytes / max(many - few, 1e-9))


def _seconds(call: Callable[[], object]) -> float:
    times = []
    for _ in range(_REPEATS):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)
