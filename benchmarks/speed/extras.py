"""Rows that are no ratio of speeds: bytes sent, and memory against T."""

import re
from collections.abc import Mapping
from pathlib import Path

from speed.race import Racer
from speed.results import Result, stamped

BYTES, MEMORY = "bytes", "memory"
_RATIO = re.compile(r"^\| *([\d,]+) \| *\d+ \| *([\d.]+) \|$", re.MULTILINE)


def bytes_sent(name: str, racer: Racer) -> Result:
    """What all ranks together hand to collectives, for each member of a generation."""
    sent = racer.info.get("bytes_per_member")
    return stamped(
        Result(
            *(BYTES, "bytes exchanged per generation and member, 2 ranks"),
            "counted at Ranks.exchange, sum_exact and broadcast_bytes; life curves of "
            "the best and the median member and the digests are included",
            *(16.0, sent, sent, sent),
            most=True,
            unit="bytes",
            rates={name: racer.info} if racer.info else {},
            failure=racer.failure,
        )
    )


def memory(table: Path) -> Result:
    """Peak memory at any T against that at the shortest, as memory.py measured it."""
    work = "peak memory of a rank against T, from 10^3 to 10^6"
    note = "measured by benchmarks/memory.py, see [memory.md](memory.md)"
    found = _RATIO.findall(table.read_text()) if table.exists() else []
    if not found:
        why = f"{table} is missing: run python benchmarks/memory.py"
        return stamped(Result(MEMORY, work, note, 1.05, most=True, failure=why))
    by_steps: Mapping[str, float] = {steps: float(ratio) for steps, ratio in found}
    values = sorted(by_steps.values())
    return stamped(
        Result(
            *(MEMORY, work, note, 1.05, values[-1], values[0], values[-1]),
            most=True,
            rates={f"T = {steps}": {"ratio": r} for steps, r in by_steps.items()},
        )
    )
