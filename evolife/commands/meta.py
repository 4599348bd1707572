"""Train a selection operator by backprop around evolution, or judge one."""

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evolife.commands import _arguments
from evolife.commands._destination import chosen_config, destination
from evolife.commands._embedded import Quiet, alone, plan_alone
from evolife.config.bundled import bundled_configs
from evolife.config.located import load
from evolife.config.plugin_folders import Folder
from evolife.config.sources import Override, Source, override_texts
from evolife.console.terminal import Terminal
from evolife.errors import InvalidInput, our_errors, pasted
from evolife.metalearning.config import MetaConfig
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
    _arguments.add_overrides(parser)
    _arguments.add_plugins(parser)
    _arguments.add_folders(parser, "meta-run")
    parser.add_argument(
        "--evaluate",
        metavar="OPERATOR",
        help="judge a trained operator on families it has not seen, train nothing",
    )
    parser.add_argument(
        "--seeds", type=int, default=16, help="tasks or populations to judge on"
    )
    _arguments.add_ranks(parser)
    _arguments.add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Judge, start local ranks, or be one of them."""
    if args.evaluate is not None:
        return _evaluate(args)
    where = destination(args.out, args.resume, args.resume_or_start)
    given = args.config, args.overrides, where, args.plugins
    config = chosen_config(MetaConfig, "meta", *given)
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
        enable_compile_cache(ranks.leads)
        check_device()
        from evolife.metalearning.journal import markdown
        from evolife.metalearning.run import meta
        from evolife.ranks.broadcast import on_rank_zero
        from evolife.run.scaffold import Session

        folder = run_path(where.path, config.name)
        out = Path(on_rank_zero(lambda: str(kept.enter_context(folder)), ranks))
        session = Session(ranks, terminal, args.argv, code, where.resume)
        card = meta(config, out, session)
        if ranks.rank == 0:
            told = trained(out, card)
            path = told["operator"]
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
    terminal.print_json(verdict)
    terminal.text("\n".join(page))
    return 0


def meta(
    config: Source | MetaConfig | None = None,
    *overrides: Override,
    out: Folder | None = None,
    resume: Folder | None = None,
    resume_or_start: Folder | None = None,
    evaluate: str | None = None,
    seeds: int = 16,
    plugins: Folder | Sequence[Folder] = (),
    quiet: bool = True,
    **settings: Any,
) -> dict[str, Any]:
    """Train a selection operator by backprop around evolution, or judge one.

    Args:
        config: a bundled meta-config's name, a YAML file, a mapping, or a
            ``MetaConfig``; may be left out with ``resume`` and ``evaluate``.
        overrides: changes as ``"meta_steps=10"`` or ``{"meta_steps": 10}``.
        out: folder of the meta-run; by default a new one in ``runs/``.
        resume: folder of one to go on with.
        resume_or_start: folder of one to go on with, or to begin if there is none.
        evaluate: a trained operator to judge; nothing is trained.
        seeds: tasks or populations to judge on, 2 to 10000.
        plugins: folders of plug-ins of your own.
        quiet: say nothing of progress; warnings become Python's.
        settings: changes as ``optimizer__clip=0.5``.

    Returns:
        The document that ``evolife meta --json`` prints: folder, operator and card of
        what was trained, or the verdict on what was judged.

    Raises:
        InvalidInput: the config, the folder or the operator does not do.
        Stopped: Ctrl-C or another signal came; ``resume`` goes on from there.
        EvolifeError: the work failed.
    """
    if evaluate is not None:
        with alone(quiet) as (_, terminal):
            return judge(evaluate, seeds, terminal)[0]
    texts = override_texts(overrides, settings)
    with our_errors():
        where = destination(out, resume, resume_or_start)
        found = chosen_config(MetaConfig, "meta", config, texts, where, plugins)
        plan_alone(1)
    with alone(quiet) as (ranks, terminal), run_path(where.path, found.name) as path:
        from evolife.metalearning import run
        from evolife.run.scaffold import Session

        argv, code = ["evolife.meta", found.name, *texts], code_identity()
        session = Session(ranks, terminal, argv, code, where.resume)
        card = run.meta(found, path, session)
        return trained(path, card)


def trained(path: Path, card: dict[str, Any]) -> dict[str, Any]:
    """What is said of a finished meta-run."""
    from evolife.metalearning.journal import OPERATOR

    return {"run": str(path), "operator": str(path / OPERATOR), "card": card}


def judge(
    operator: str, seeds: int, terminal: Terminal | None = None
) -> tuple[dict[str, Any], list[str]]:
    """The verdict on a trained operator, and the page it makes, by its purpose.

    Raises:
        InvalidInput: the number of seeds or the operator does not do.
    """
    if not 2 <= seeds <= 10_000:
        raise InvalidInput(f"--seeds {seeds}: allowed are 2 to 10000")
    from evolife.keys import root_key
    from evolife.metalearning.benchmark import choices, report
    from evolife.metalearning.on_functions import OnFunctions
    from evolife.selection import operator_file
    from evolife.selection.shaping.learned import Learned

    parameters, shape, card = operator_file.read(operator)
    found = Learned(operator, shape, parameters)
    route, key = card["route"], root_key(1234)
    if route["name"] == "survivors":
        verdict = choices.judge_survivors(found, 100 * seeds, key)
        return verdict, choices.survivors_page(verdict)
    if route["name"] in ("lives", "regret"):
        watched = _watched() | route
        verdict = choices.judge_lives(found, watched, seeds, 60, key)
        return verdict, choices.lives_page(verdict)
    tell = (terminal or Quiet()).info
    strategy = route.get("strategy", OnFunctions.strategy)
    verdict = report.judge([found], strategy, seeds, tell=tell)
    return verdict, report.markdown(verdict)


def _watched() -> dict[str, Any]:
    """Real lives to judge by, for operators that saw none: a bundled meta-config's."""
    configs = (load(MetaConfig, name) for name in bundled_configs("meta"))
    return next(one.route.settings for one in configs if one.route.name == "lives")
