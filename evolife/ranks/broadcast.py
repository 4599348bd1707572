"""What rank 0 knows or did, brought to every rank bit for bit."""

import json
from collections.abc import Callable
from typing import Any

from evolife import errors
from evolife.pytrees import from_bytes, rebuild, take_apart, to_bytes
from evolife.ranks.mpi import Ranks
from evolife.strict_json import dumps


def from_rank_zero(tree: Any, ranks: Ranks) -> Any:
    """Return rank 0's ``tree``; every rank passes a tree of that structure."""
    if ranks.size == 1:
        return tree
    leaves = take_apart(tree)
    payload = to_bytes(leaves) if ranks.rank == 0 else None
    return rebuild(tree, from_bytes(leaves, ranks.broadcast_bytes(payload)))


def on_rank_zero(action: Callable[[], Any], ranks: Ranks) -> Any:
    """Do ``action`` on rank 0 alone and return what JSON can hold of it everywhere.

    An ``EvolifeError`` there is raised on every rank, so that none is left waiting.
    """
    answer: dict[str, Any] = {}
    if ranks.rank == 0:
        try:
            answer["result"] = action()
        except errors.EvolifeError as error:
            answer = {"error": type(error).__name__, "message": str(error)}
    payload = dumps(answer).encode() if ranks.rank == 0 else None
    answer = json.loads(ranks.broadcast_bytes(payload))
    if "error" in answer:
        raise getattr(errors, answer["error"])(answer["message"])
    return answer["result"]
