"""Watch a run or a sweep while it goes on; reads its files and touches nothing."""

import argparse
import math
from pathlib import Path

from evolife.commands._arguments import add_json
from evolife.errors import InvalidInput

_SHORTEST, _LONGEST = 0.1, 86_400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "folder", type=Path, metavar="RUN|SWEEP", help="folder of a run or of a sweep"
    )
    parser.add_argument("--once", action="store_true", help="look once and end")
    parser.add_argument(
        "--interval",
        type=float,
        metavar="S",
        help="seconds between two looks (default: 2, and 10 where there is no screen)",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Show how it stands, once or until it is over."""
    seconds = args.interval
    if seconds is not None and not _SHORTEST <= seconds <= _LONGEST:
        shown = "not a number" if math.isnan(seconds) else f"{seconds:g}"
        raise InvalidInput(
            f"--interval {shown}: allowed are {_SHORTEST:g} to {_LONGEST:g} seconds"
        )
    from evolife.console.watch import WatchTerminal
    from evolife.results.live.watch import open_view

    terminal = WatchTerminal(args.json)
    view = open_view(args.folder)
    if args.once or args.json:
        terminal.once(view.snapshot())
    else:
        terminal.follow(view.snapshot, seconds)
    return 0
