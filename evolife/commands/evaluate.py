"""Measure a run's champions on fresh lives, also longer ones or in other worlds."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evolife.commands._arguments import add_json, add_overrides, add_plugins
from evolife.commands._embedded import alone
from evolife.config.model import RunConfig
from evolife.config.sources import (
    Override,
    Source,
    environment_override,
    override_texts,
    run_config,
)
from evolife.console.terminal import Terminal
from evolife.errors import InvalidInput, our_errors, pasted
from evolife.processes.numerics import check_device
from evolife.processes.placement import plan_ranks
from evolife.processes.prepare import enable_compile_cache, prepare_process
from evolife.processes.signals import guard
from evolife.results.run import Run
from evolife.storage.run_folder import RunFolder, open_run

_MOST_LIVES = 10_000_000


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
        enable_compile_cache(ranks.leads)
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


def evaluate(
    run: str | os.PathLike[str] | Run,
    *overrides: Override,
    lives: int = 1000,
    steps: int | None = None,
    env: Source | None = None,
    film: bool = False,
    life: int | None = None,
    plugins: Sequence[str | os.PathLike[str]] = (),
    **settings: Any,
) -> dict[str, Any]:
    """Measure a run's champions on fresh lives, also longer ones or in other worlds.

    Args:
        run: folder of the run, or what ``evolife.load`` gave.
        overrides: changes as ``"env.delay=30"`` or ``{"env.delay": 30}``.
        lives: lives of each champion, at least 2.
        steps: length of a life; by default as evolved.
        env: another environment: a name, a mapping, or a YAML file.
        film: draw one life of the best champion into the run's folder.
        life: number of the life that is drawn, 0 (the default) to ``lives - 1``.
        plugins: folders with ``agents/`` and ``envs/`` of your own.
        settings: changes as ``env__delay=30``.

    Returns:
        The document that ``evolife evaluate --json`` prints.

    Raises:
        InvalidInput: the run has no champions, or they do not fit the environment.
        Stopped: Ctrl-C or another signal came.
    """
    folder = run.path if isinstance(run, Run) else Path(run)
    texts = override_texts(overrides, settings)
    with our_errors():
        found = open_asked(folder, lives, film, life)
        known = run.plugins if isinstance(run, Run) else ()
        config = config_of_lives(found, texts, steps, env, [*known, *plugins])
    with alone() as (ranks, _):
        from evolife.run.evaluate import evaluate as measure

        return measure(found, config, lives, ranks, film, life or 0)


def open_asked(
    path: Path, lives: int, film: bool, life: int | None = None
) -> RunFolder:
    """The run whose champions should live.

    Raises:
        InvalidInput: it is none, or what was asked for is not possible.
    """
    if not 2 <= lives <= _MOST_LIVES:
        raise InvalidInput(
            f"--lives {lives}: allowed are 2 (an interval needs them) to {_MOST_LIVES}"
        )
    if life is not None and not film:
        raise InvalidInput("--life chooses the life that --film draws; add --film")
    if life is not None and not 0 <= life < lives:
        raise InvalidInput(
            f"--life {life}: lives are numbered from 0, and --lives {lives} measures 0 "
            f"to {lives - 1}"
        )
    return open_run(path)


def config_of_lives(
    folder: RunFolder,
    overrides: Sequence[str],
    steps: int | None = None,
    env: Source | None = None,
    plugins: Sequence[str | os.PathLike[str]] = (),
) -> RunConfig:
    """The config of the lives that a run's champions should live.

    Raises:
        InvalidInput: one line for each thing that is wrong with it.
    """
    changes = list(overrides)
    if steps is not None:
        changes.append(f"lifetime.steps={steps}")
    if env is not None:
        changes = [environment_override(env), *changes]
    return run_config(folder.config_path, changes, plugins)
