"""Evolve agents over whole lifetimes and keep the best of K."""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from evolife.commands import _arguments
from evolife.commands._destination import chosen_config, destination
from evolife.commands._embedded import Quiet, alone, plan_alone
from evolife.commands._subprocess import run_command
from evolife.config.model import RunConfig
from evolife.config.plugin_folders import Folder
from evolife.config.sources import Override, Source, override_texts
from evolife.console.progress import count, many, span
from evolife.console.terminal import Terminal
from evolife.errors import InvalidInput, our_errors, pasted
from evolife.processes.mpirun import launch_local
from evolife.processes.numerics import check_device
from evolife.processes.placement import place, plan_ranks
from evolife.processes.prepare import enable_compile_cache, prepare_process
from evolife.processes.signals import guard
from evolife.results.run import Run
from evolife.run.hooks import Hook
from evolife.storage.provenance import code_identity
from evolife.storage.run_folder import RunFolder, run_path
from evolife.sweeps.forecast import note


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "config", nargs="?", help="a bundled config's name or a YAML file"
    )
    _arguments.add_overrides(parser)
    _arguments.add_folders(parser, "run")
    parser.add_argument(
        "--dry-run", action="store_true", help="check everything and start nothing"
    )
    _arguments.add_ranks(parser)
    _arguments.add_plugins(parser)
    _arguments.add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Start local ranks, or be one of them."""
    begun = time.monotonic()
    where = destination(args.out, args.resume, args.resume_or_start)
    given = args.config, args.overrides, where, args.plugins
    config = chosen_config(RunConfig, "train", *given)
    plan = plan_ranks(args.ranks)
    terminal = Terminal(args.json)
    if plan.note:
        terminal.info(plan.note)
    if args.dry_run:
        from evolife.commands._dry_run import dry_run

        here = place()
        if here is None or here.rank == 0:
            report = dry_run(config, where, max(1, plan.ranks))
            _show_dry_run(report, terminal)
        return 0
    if plan.mode == "start":
        return launch_local(plan.ranks, args.argv)
    code = code_identity()
    prepare_process()
    from evolife.ranks.mpi import open_ranks

    with guard(open_ranks(plan.ranks)) as ranks, contextlib.ExitStack() as kept:
        enable_compile_cache(ranks.leads)
        check_device()
        from evolife.ranks.broadcast import on_rank_zero
        from evolife.run.train import Session, train

        folder = run_path(where.path, config.name)
        out = on_rank_zero(lambda: str(kept.enter_context(folder)), ranks)
        session = Session(ranks, terminal, args.argv, code, where.resume)
        report = train(config, Path(out), session)
        if ranks.rank == 0:
            note(config, RunFolder(Path(out)), time.monotonic() - begun, ranks.size)
            _show(report, terminal)
    return 0


def _show_dry_run(report: dict[str, Any], terminal: Terminal) -> None:
    """Say what would be done."""
    terminal.print_json(report)
    beside = f", and its control {report['control']}" if report["control"] else ""
    tile, forecast = report["config"]["population"]["tile"], report["predicted"]
    terminal.text(f"{report['name']}: nothing is wrong with it{beside}")
    goal, lived = report["config"]["generations"], count(report["env_steps"])
    reach = "left" if report["resume"] else "in all"
    terminal.text(
        f"{goal} generations of {many(report['units'], 'unit')} of work, tile "
        f"{tile}, on {many(report['ranks'], 'rank')}; "
        f"{lived} environment steps {reach}"
    )
    low, high = forecast["range"]
    terminal.text(f"{span(low, forecast['seconds'], high)}, {forecast['basis']}")
    if report["idle"]:
        terminal.text(report["idle"])
    if report["resume"]:
        left = goal - report["done"]
        state = f"there, to go on with after generation {report['done']}: {left} left"
    else:
        state = "not made"
    terminal.text(f"run: {pasted(report['run'])} ({state})")


def _show(report: dict[str, Any], terminal: Terminal) -> None:
    terminal.print_json(report)
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


def train(
    config: Source | RunConfig | None = None,
    *overrides: Override,
    out: Folder | None = None,
    ranks: int | Literal["auto"] = 1,
    resume: Folder | None = None,
    resume_or_start: Folder | None = None,
    plugins: Sequence[Folder] = (),
    quiet: bool = True,
    on_generation: Hook | None = None,
    **settings: Any,
) -> Run:
    """Evolve agents over whole lifetimes; the same bits as ``evolife train``.

    One rank lives in this process, in any thread; call it before JAX has computed
    anything, because the number of threads is set then. More ranks are processes.

    Args:
        config: a bundled config's name, a YAML file, a mapping, or a ``RunConfig``; may
            be left out with ``resume``.
        overrides: changes as ``"agent.hidden=64"`` or ``{"agent.hidden": 64}``.
        out: folder of the run; by default a new one in ``runs/``.
        ranks: how many local ranks share the work, or ``"auto"`` for one a core.
        resume: folder of a run to go on with.
        resume_or_start: folder of a run to go on with, or to begin if there is none.
        plugins: folders with ``agents/`` and ``envs/`` of your own.
        quiet: say nothing of progress; warnings become Python's.
        on_generation: ``hook(metrics, run)``, called after every generation; with one
            rank only. See :mod:`evolife.run.hooks`.
        settings: changes as ``agent__hidden=64``.

    Returns:
        The finished run, as ``evolife.load`` gives it.

    Raises:
        InvalidInput: the config, the folder or the number of ranks does not do.
        Stopped: Ctrl-C or another signal came; ``resume`` goes on from there.
        EvolifeError: the work failed.
    """
    texts = override_texts(overrides, settings)
    with our_errors():
        where = destination(out, resume, resume_or_start)
        found = chosen_config(RunConfig, "train", config, texts, where, plugins)
        plan = plan_alone(ranks)
        if on_generation and plan.mode == "start":
            raise InvalidInput(
                f"on_generation with {plan.ranks} ranks: they are processes of their "
                "own; use ranks=1, or install the hook as an entry point of the group "
                "evolife.on_generation"
            )
    with run_path(where.path, found.name) as path:
        if plan.mode == "start":
            _start(plan.ranks, found, path, where.resume, quiet)
        else:
            argv = ["evolife.train", found.name, *texts]
            _train_here(found, path, argv, where.resume, quiet, on_generation)
    return Run(path)


def _train_here(
    config: RunConfig,
    path: Path,
    argv: Sequence[str],
    resume: bool,
    quiet: bool,
    hook: Hook | None,
) -> None:
    with alone(quiet) as (ranks, terminal):
        from evolife.run import train

        code, hooks = code_identity(), [hook] if hook else []
        session = train.Session(ranks, terminal, argv, code, resume, hooks)
        train.train(config, path, session)


def _start(
    ranks: int, config: RunConfig, path: Path, resume: bool, quiet: bool
) -> None:
    terminal = Quiet() if quiet else Terminal()
    with tempfile.TemporaryDirectory(prefix="evolife-") as folder, our_errors():
        file = Path(folder) / f"{config.name}.yaml"
        file.write_text(config.to_yaml(), encoding="utf-8")
        where = "--resume-or-start" if resume else "--out"
        words = ["train", str(file), "--ranks", str(ranks), where, str(path), "--json"]
        run_command(words, None if quiet else terminal.info)
