"""Train a selection operator by backprop around evolution, or judge one."""

import argparse
import contextlib
from pathlib import Path

from evolife.arguments import add_folders, add_json, add_overrides, add_ranks
from evolife.console.terminal import Terminal
from evolife.errors import pasted
from evolife.functions.destination import destination
from evolife.functions.meta import chosen_config, judge, trained
from evolife.processes.embedded import prepare
from evolife.processes.mpirun import launch_local
from evolife.processes.numerics import check_device
from evolife.processes.placement import plan_ranks
from evolife.processes.prepare import enable_compile_cache, prepare_process
from evolife.processes.signals import guard
from evolife.storage.provenance import code_identity
from evolife.storage.run_folder import run_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "config", nargs="?", help="a bundled meta-config's name or a YAML file"
    )
    add_overrides(parser)
    add_folders(parser, "meta-run")
    parser.add_argument(
        "--evaluate",
        metavar="OPERATOR",
        help="judge a trained operator on families it has not seen, train nothing",
    )
    parser.add_argument(
        "--seeds", type=int, default=16, help="tasks or populations to judge on"
    )
    add_ranks(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Judge, start local ranks, or be one of them."""
    if args.evaluate is not None:
        return _evaluate(args)
    where = destination(args.out, args.resume, args.resume_or_start)
    config = chosen_config(args.config, args.overrides, where)
    plan = plan_ranks(args.ranks)
    terminal = Terminal(args.json)
    if plan.note:
        terminal.info(plan.note)
    if plan.mode == "start":
        return launch_local(plan.ranks, args.argv)
    code = code_identity()
    prepare_process()
    from evolife.ranks.mpi import open_ranks

    with guard(open_ranks(plan.ranks)) as ranks, contextlib.ExitStack() as kept:
        enable_compile_cache(ranks.rank)
        check_device()
        from evolife.metalearning.journal import markdown
        from evolife.metalearning.run import meta
        from evolife.ranks.broadcast import on_rank_zero

        folder = run_path(where.path, config.name)
        out = Path(on_rank_zero(lambda: str(kept.enter_context(folder)), ranks))
        card = meta(config, out, ranks, terminal, args.argv, code, where.resume)
        if ranks.rank == 0:
            told = trained(out, card)
            path = told["operator"]
            if args.json:
                terminal.print_json(told)
            terminal.text(markdown(card))
            terminal.text(f"operator: {pasted(path)}")
            terminal.text(
                f"use it: evolife train bandit selection.name=learned "
                f"selection.operator={path}"
            )
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    terminal = Terminal(args.json)
    prepare()
    verdict, page = judge(args.evaluate, args.seeds, terminal)
    if args.json:
        terminal.print_json(verdict)
    terminal.text("\n".join(page))
    return 0
