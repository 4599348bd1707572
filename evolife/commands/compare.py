"""Hold two runs, sweeps or agents of a sweep against each other, in pairs if possible.

A and B are folders of runs or of sweeps. SWEEP:WORDS names some runs of a sweep:
SWEEP:gru those of an agent, SWEEP:agent.hidden=32 those with a setting. Two runs are
compared by held-out lives, sweeps by the scores of their runs; scores that share their
life or their seed are paired.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evolife.commands._arguments import add_json
from evolife.console.terminal import Terminal
from evolife.errors import our_errors
from evolife.results.load import Run, Sweep

_COLUMNS = 60
Contestant = str | os.PathLike[str] | Run | Sweep


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    for name in ("a", "b"):
        parser.add_argument(
            name, metavar=name.upper(), help="RUN, SWEEP or SWEEP:WORDS"
        )
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="draw it into a .png or .svg file"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Compare, and say it."""
    found = compare(args.a, args.b, args.picture)
    terminal = Terminal(args.json)
    terminal.print_json(found)
    _show(found, terminal)
    return 0


def _show(found: dict[str, Any], terminal: Terminal) -> None:
    for name in ("a", "b"):
        side = found[name]
        count = len(side["runs"])
        runs = "1 run" if count == 1 else f"mean of {count} runs"
        terminal.text(f"{name.upper()}: {side['name']}")
        terminal.text(f"   held-out {side['held_out']:.4g} ({runs})")
        if side["curve"]:
            terminal.text(f"   {found['curve']} {_ends(side['curve'], terminal)}")
    low, high = found["interval"]
    pairs = f"paired by {found['paired_by']}" if found["paired_by"] else "not paired"
    terminal.text(
        f"A less B: {found['difference']:+.4g} (95% interval {low:+.4g} to "
        f"{high:+.4g}), p = {found['p']:.2g}, {pairs}"
    )
    low, high = found["improvement_interval"]
    terminal.text(
        f"probability of improvement: {found['improvement']:.3g} (95% interval "
        f"{low:.3g} to {high:.3g}): that a {found['unit']} of A scores above one of B"
    )
    better = found["better"]
    terminal.text(f"better: {better}" if better else "better: undecided (p >= 0.01)")
    for note in found["notes"]:
        terminal.text(f"note: {note}")
    if "picture" in found:
        terminal.text(f"picture: {found['picture']}")


def _ends(curve: dict[str, Sequence[float]], terminal: Terminal) -> str:
    """From the first generation to the last."""
    values = [None if value != value else value for value in curve["middle"]]
    known = [value for value in values if value is not None] or [float("nan")]
    return f"{known[0]:.4g} {terminal.sparkline(values, _COLUMNS)} {known[-1]:.4g}"


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
        one of B) with its interval, and each side's ``curve`` of the key that ``curve``
        names.

    Raises:
        InvalidInput: a side is not such a folder, or has no champions yet, or a package
            is missing.
    """
    from evolife.reports.comparison import compare_sides
    from evolife.reports.sides import read_side

    with our_errors():
        found = compare_sides(*(read_side(_name(one)) for one in (a, b)))
        document = found.document()
        if picture is not None:
            found.write(Path(picture))
            document["picture"] = os.fspath(picture)
    return document


def _name(one: Contestant) -> str:
    return os.fspath(one.path if isinstance(one, Run | Sweep) else one)
