"""Hold two runs, sweeps or agents of a sweep against each other, in pairs if possible.

A and B are folders of runs or of sweeps. SWEEP:WORDS names some runs of a sweep:
SWEEP:gru those of an agent, SWEEP:agent.hidden=32 those with a setting. Two runs are
compared by held-out lives, sweeps by the scores of their runs; scores that share their
life or their seed are paired.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evolife.arguments import add_json
from evolife.console.terminal import Terminal

_COLUMNS = 60


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
    from evolife.functions.compare import compare

    found = compare(args.a, args.b, args.picture)
    terminal = Terminal(args.json)
    if args.json:
        terminal.print_json(found)
    else:
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
            terminal.text(f"   {_curve(side['curve'], terminal)}")
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


def _curve(curve: dict[str, Sequence[float]], terminal: Terminal) -> str:
    """Mean fitness from the first to the last generation."""
    values = [None if value != value else value for value in curve["middle"]]
    known = [value for value in values if value is not None] or [float("nan")]
    return (
        f"fitness {known[0]:.4g} {terminal.sparkline(values, _COLUMNS)} {known[-1]:.4g}"
    )
