"""Measure a run's champions on fresh lives, also longer ones or in other worlds."""

import argparse
from pathlib import Path
from typing import Any

from evolife.arguments import add_json, add_overrides, add_plugins
from evolife.console.terminal import Terminal
from evolife.errors import pasted
from evolife.functions.evaluate import config_of_lives, open_asked
from evolife.processes.numerics import check_device
from evolife.processes.placement import plan_ranks
from evolife.processes.prepare import enable_compile_cache, prepare_process
from evolife.processes.signals import guard


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the run")
    add_overrides(parser)
    parser.add_argument("--lives", type=int, default=1000, help="lives each")
    parser.add_argument("--steps", type=int, help="length of a life")
    parser.add_argument("--env", metavar="NAME|YAML", help="another environment")
    parser.add_argument(
        "--film",
        action="store_true",
        help="draw one life of the best champion: RUN/film.gif and RUN/film.png",
    )
    parser.add_argument(
        "--life",
        type=int,
        metavar="N",
        help="number of the life that --film draws: 0 ..",
    )
    add_plugins(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Live the champions again and show how they did."""
    folder = open_asked(args.run, args.lives, args.film, args.life)
    given = args.overrides, args.steps, args.env, args.plugins
    config = config_of_lives(folder, *given)
    # One process unless a launcher started more: lives of champions are few.
    plan = plan_ranks("auto")
    prepare_process()
    from evolife.ranks.mpi import open_ranks

    with guard(open_ranks(plan.ranks if plan.mode == "join" else 1)) as ranks:
        enable_compile_cache(ranks.rank)
        check_device()
        from evolife.run.evaluate import evaluate

        asked = args.lives, ranks, args.film, args.life or 0
        report = evaluate(folder, config, *asked)
        if ranks.rank == 0:
            show(report, Terminal(args.json), args.json)
    return 0


def show(report: dict[str, Any], terminal: Terminal, as_json: bool) -> None:
    """Print the table, with what is known of the best and of the memoryless life."""
    if as_json:
        terminal.print_json(report)
        return
    terminal.champions(report["champions"])
    if any(row["one_life"] is not None for row in report["champions"]):
        terminal.text("all lives here are equal: scores are those of the one there is")
    for name in ("optimum", "memoryless"):
        if report[name] is not None:
            terminal.text(f"{name}: {report[name]:.6g}")
    terminal.text(f"{report['lives']} lives of {report['steps']} steps each")
    for fault in report["faults"]:
        terminal.warning(fault)
    for path in report.get("film", ()):
        terminal.text(pasted(path))
