"""Evolve agents over whole lifetimes and keep the best of K."""

import argparse
from pathlib import Path
from typing import Any

from evolife.arguments import add_json, add_overrides, add_plugins, add_ranks
from evolife.config.model import RunConfig
from evolife.functions.train import chosen_config
from evolife.launching.guard import guard
from evolife.launching.launcher import plan_ranks
from evolife.launching.mpirun import launch_local
from evolife.launching.process import enable_compile_cache, prepare_process
from evolife.lineage.code import code_identity
from evolife.record.terminal import Terminal
from evolife.storage.run_folder import fresh_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "config", nargs="?", help="a bundled config's name or a YAML file"
    )
    add_overrides(parser)
    parser.add_argument("--out", type=Path, help="folder of the run")
    parser.add_argument("--resume", type=Path, metavar="DIR", help="run to go on with")
    add_ranks(parser)
    add_plugins(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Start local ranks, or be one of them."""
    given = args.config, args.overrides, args.resume, args.out, args.plugins
    config = chosen_config(*given)
    plan = plan_ranks(args.ranks)
    terminal = Terminal(args.json)
    if plan.note:
        terminal.info(plan.note)
    if plan.mode == "start":
        return launch_local(plan.ranks, _with_out(args, config))
    code = code_identity()
    prepare_process()
    from evolife.ranks import open_ranks

    with guard(open_ranks(plan.ranks)) as ranks:
        enable_compile_cache(ranks.rank)
        from evolife.run import Session, train
        from evolife.storage.transfer import on_rank_zero

        out = on_rank_zero(lambda: str(_out(args, config)), ranks)
        session = Session(ranks, terminal, args.argv, code, args.resume is not None)
        report = train(config, Path(out), session)
        if ranks.rank == 0:
            _show(report, terminal, args.json)
    return 0


def _out(args: argparse.Namespace, config: RunConfig) -> Path:
    return args.resume or args.out or fresh_path(config.name)


def _with_out(args: argparse.Namespace, config: RunConfig) -> list[str]:
    """The same command line for the ranks, which must agree on the folder."""
    if args.resume or args.out:
        return list(args.argv)
    return [*args.argv, "--out", str(_out(args, config))]


def _show(report: dict[str, Any], terminal: Terminal, as_json: bool) -> None:
    if as_json:
        terminal.print_json(report)
        return
    terminal.champions(report["champions"])
    if "verdict" in report:
        terminal.champions(report["control"]["champions"], "the control's champions")
        verdict = report["verdict"]
        terminal.text(
            f"claim: {verdict['claim'] or 'better than the control'}\n"
            f"  {verdict['outcome']}: {verdict['difference']:+.4g} over the control, "
            f"p = {verdict['p']:.2g}"
        )
    terminal.text(f"run: {report['run']}")
    terminal.text(f"dashboard: tensorboard --logdir {report['run']}")
