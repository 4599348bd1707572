"""Evolve agents over whole lifetimes and keep the best of K."""

import argparse
import contextlib
import time
from pathlib import Path
from typing import Any

from evolife.arguments import (
    add_folders,
    add_json,
    add_overrides,
    add_plugins,
    add_ranks,
)
from evolife.console.progress import count, span
from evolife.console.terminal import Terminal
from evolife.errors import pasted
from evolife.functions.destination import destination
from evolife.functions.train import chosen_config
from evolife.processes.mpirun import launch_local
from evolife.processes.numerics import check_device
from evolife.processes.placement import place, plan_ranks
from evolife.processes.prepare import enable_compile_cache, prepare_process
from evolife.processes.signals import guard
from evolife.storage.provenance import code_identity
from evolife.storage.run_folder import RunFolder, run_path
from evolife.sweeps.forecast import note


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "config", nargs="?", help="a bundled config's name or a YAML file"
    )
    add_overrides(parser)
    add_folders(parser, "run")
    parser.add_argument(
        "--dry-run", action="store_true", help="check everything and start nothing"
    )
    add_ranks(parser)
    add_plugins(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Start local ranks, or be one of them."""
    begun = time.monotonic()
    where = destination(args.out, args.resume, args.resume_or_start)
    config = chosen_config(args.config, args.overrides, where, args.plugins)
    plan = plan_ranks(args.ranks)
    terminal = Terminal(args.json)
    if plan.note:
        terminal.info(plan.note)
    if args.dry_run:
        from evolife.functions.dry_run import dry_run

        here = place()
        if here is None or here.rank == 0:
            report = dry_run(config, where, max(1, plan.ranks))
            _show_dry_run(report, terminal, args.json)
        return 0
    if plan.mode == "start":
        return launch_local(plan.ranks, args.argv)
    code = code_identity()
    prepare_process()
    from evolife.ranks.mpi import open_ranks

    with guard(open_ranks(plan.ranks)) as ranks, contextlib.ExitStack() as kept:
        enable_compile_cache(ranks.rank)
        check_device()
        from evolife.ranks.broadcast import on_rank_zero
        from evolife.run.train import Session, train

        folder = run_path(where.path, config.name)
        out = on_rank_zero(lambda: str(kept.enter_context(folder)), ranks)
        session = Session(ranks, terminal, args.argv, code, where.resume)
        report = train(config, Path(out), session)
        if ranks.rank == 0:
            note(config, RunFolder(Path(out)), time.monotonic() - begun, ranks.size)
            _show(report, terminal, args.json)
    return 0


def _show_dry_run(report: dict[str, Any], terminal: Terminal, as_json: bool) -> None:
    """Say what would be done."""
    if as_json:
        terminal.print_json(report)
        return
    beside = f", and its control {report['control']}" if report["control"] else ""
    tile, forecast = report["config"]["population"]["tile"], report["predicted"]
    terminal.text(f"{report['name']}: nothing is wrong with it{beside}")
    goal, lived = report["config"]["generations"], count(report["env_steps"])
    reach = "left" if report["resume"] else "in all"
    terminal.text(
        f"{goal} generations of {_several(report['units'], 'unit')} of work, tile "
        f"{tile}, on {_several(report['ranks'], 'rank')}; "
        f"{lived} environment steps {reach}"
    )
    low, high = forecast["range"]
    terminal.text(f"{span(low, forecast['seconds'], high)}, {forecast['basis']}")
    for line in filter(None, [report["idle"]]):
        terminal.text(line)
    if report["resume"]:
        left = goal - report["done"]
        state = f"there, to go on with after generation {report['done']}: {left} left"
    else:
        state = "not made"
    terminal.text(f"run: {pasted(report['run'])} ({state})")


def _several(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _show(report: dict[str, Any], terminal: Terminal, as_json: bool) -> None:
    if as_json:
        terminal.print_json(report)
        return
    terminal.champions(report["champions"])
    if "verdict" in report:
        terminal.champions(report["control"]["champions"], "the control's champions")
        from evolife.run.verdict import Verdict, sentence

        verdict = report["verdict"]
        terminal.text(
            f"claim: {verdict['claim'] or 'better than the control'}\n"
            f"  {verdict['outcome']}: {sentence(Verdict(**verdict))}"
        )
    terminal.text(f"run: {pasted(report['run'])}")
    terminal.text(f"dashboard: tensorboard --logdir {pasted(report['run'])}")
