"""``evolife.compare``: two runs, sweeps or agents held against each other."""

import os
from pathlib import Path
from typing import Any

from evolife.errors import our_errors
from evolife.results.load import Run, Sweep

Contestant = str | os.PathLike[str] | Run | Sweep


def compare(
    a: Contestant, b: Contestant, picture: str | os.PathLike[str] | None = None
) -> dict[str, Any]:
    """Say how much better A's champions are than B's, and how sure that is.

    Two runs are compared by the held-out lives of their best champions, in pairs where
    they lived the same lives. Sweeps and parts of sweeps are compared by the held-out
    scores of their runs, in pairs of equal seed where both have it.

    Args:
        a: folder of a run or of a sweep, what ``evolife.load`` gave, or some runs of a
            sweep: ``"runs/my-sweep:gru"``, ``"runs/my-sweep:agent.hidden=32"``.
        b: the same.
        picture: file to draw the comparison into, ``.png`` or ``.svg``.

    Returns:
        The document that ``evolife compare --json`` prints: ``difference`` with its
        ``interval`` and ``p``, ``improvement`` (the chance that a score of A is above
        one of B) with its interval, and both ``curve``.

    Raises:
        InvalidInput: a side is no such folder, or has no champions yet.
    """
    from evolife.reports.comparison import compare_sides
    from evolife.reports.comparison_picture import write
    from evolife.reports.sides import read_side

    with our_errors():
        found = compare_sides(*(read_side(_name(one)) for one in (a, b)))
        document = found.document()
        if picture is not None:
            write(found, Path(picture))
            document["picture"] = os.fspath(picture)
    return document


def _name(one: Contestant) -> str:
    return os.fspath(one.path if isinstance(one, Run | Sweep) else one)
