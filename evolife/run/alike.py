"""Whether all ranks compute alike: said at the start, not when digests part."""

import os

from evolife.processes.numerics import jaxlib_version
from evolife.processes.prepare import machine_kind
from evolife.ranks.mpi import Ranks

_LENGTH = 1000


def computes_as() -> str:
    """What the last digits of this process depend on, beside the program."""
    flags = " ".join(sorted(os.environ.get("XLA_FLAGS", "").split()))
    return f"jaxlib {jaxlib_version()} on {machine_kind()} with XLA_FLAGS={flags}"


def unlike_ranks(ranks: Ranks, own: str) -> str:
    """Say which ranks compute otherwise than rank 0; empty where none does; collective.

    ``own`` is what :func:`computes_as` says on this rank.
    """
    mine = own.encode(errors="replace")[:_LENGTH].ljust(_LENGTH)
    everyones = [
        told.decode(errors="replace").strip() for told in ranks.gather_bytes(mine)
    ]
    odd = [rank for rank, told in enumerate(everyones) if told != everyones[0]]
    if not odd:
        return ""
    return (
        f"rank(s) {_listed(odd)} compute with {everyones[odd[0]]}, rank 0 with "
        f"{everyones[0]}: last digits depend on which rank does what, so that this run "
        "has other bits than on machines of one kind. Ask the launcher for such "
        "nodes, and install the same jaxlib on all"
    )


def _listed(ranks: list[int]) -> str:
    shown = ", ".join(map(str, ranks[:5]))
    return f"{shown} and {len(ranks) - 5} more" if len(ranks) > 5 else shown
