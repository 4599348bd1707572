"""Write one page about a sweep or some runs: curves, champions, what mattered."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evolife.commands._arguments import add_json
from evolife.config.plugin_folders import Folder
from evolife.console.progress import many
from evolife.console.terminal import Terminal
from evolife.errors import our_errors, pasted
from evolife.results.load import Run, Sweep


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
    pictures = many(len(written["pictures"]), "picture")
    terminal.text(f"{many(written['runs'], 'run')}, {pictures}")
    terminal.text(f"page: {pasted(written['page'])}")
    terminal.text(f"table: {written['csv']}")


def report(
    folders: Folder | Run | Sweep | Sequence[Folder | Run | Sweep],
    out: Folder | None = None,
) -> dict[str, Any]:
    """Write a page with figures, its pictures and a table of sweeps and runs.

    Args:
        folders: one or more, of runs or of sweeps, or what ``evolife.load`` gave.
        out: folder of the page; by default SWEEP/report or RUN/report of a single one,
            else a new one in ``runs/``.

    Returns:
        The document that ``evolife report --json`` prints: paths of what was written.

    Raises:
        InvalidInput: a folder is neither a run nor a sweep, or a package is missing.
        EvolifeError: the disk is full.
    """
    from evolife.reports.report import report as write

    if isinstance(folders, str | os.PathLike | Run | Sweep):
        folders = [folders]
    paths = [one.path if isinstance(one, Run | Sweep) else Path(one) for one in folders]
    with our_errors():
        return write(paths, None if out is None else Path(out))
