"""Write one page about a sweep or some runs: curves, champions, what mattered."""

import argparse
from pathlib import Path
from typing import Any

from evolife.arguments import add_json
from evolife.console.terminal import Terminal
from evolife.errors import pasted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "folders",
        type=Path,
        nargs="+",
        metavar="SWEEP|RUN",
        help="folders of sweeps and of runs",
    )
    parser.add_argument(
        "--out", type=Path, help="folder of the page (default: report/ within)"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    from evolife.reports.report import report

    written = report(args.folders, args.out)
    terminal = Terminal(args.json)
    if args.json:
        terminal.print_json(written)
    else:
        _show(written, terminal)
    return 0


def _show(written: dict[str, Any], terminal: Terminal) -> None:
    for missing in written["left_out"]:
        terminal.info(f"left out {missing['run']}: {missing['reason']}")
    from evolife.reports.words import count

    pictures = len(written["pictures"])
    terminal.text(f"{count(written['runs'], 'run')}, {count(pictures, 'picture')}")
    terminal.text(f"page: {pasted(written['page'])}")
    terminal.text(f"table: {written['csv']}")
