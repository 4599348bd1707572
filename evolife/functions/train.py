"""``evolife.train``: a run from Python."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from evolife.config.model import RunConfig
from evolife.config.sources import Override, Source, override_texts, run_config
from evolife.console.terminal import Terminal
from evolife.errors import InvalidInput, our_errors
from evolife.functions.destination import Destination, destination
from evolife.functions.process import Quiet, alone, plan_alone
from evolife.functions.started import run_command
from evolife.results.run import Run
from evolife.storage.provenance import code_identity
from evolife.storage.run_folder import run_path

Folder = str | os.PathLike[str]


def train(
    config: Source | RunConfig | None = None,
    *overrides: Override,
    out: Folder | None = None,
    ranks: int | Literal["auto"] = 1,
    resume: Folder | None = None,
    resume_or_start: Folder | None = None,
    plugins: Sequence[Folder] = (),
    quiet: bool = True,
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
        found = chosen_config(config, texts, where, plugins)
        plan = plan_alone(ranks)
    with run_path(where.path, found.name) as path:
        if plan.mode == "start":
            _start(plan.ranks, found, path, where.resume, quiet)
        else:
            argv = ["evolife.train", found.name, *texts]
            _train_here(found, path, argv, where.resume, quiet)
    return Run(path)


def chosen_config(
    source: Source | RunConfig | None,
    overrides: Sequence[str],
    where: Destination,
    plugins: Sequence[Folder] = (),
) -> RunConfig:
    """The config to train; that of the run to resume where none is named.

    Raises:
        InvalidInput: there is none, or something is wrong with it.
    """
    own = where.own_config
    if own is None:
        if source is None:
            raise InvalidInput("train needs a config; see evolife list configs")
        return run_config(source, overrides, plugins)
    if isinstance(source, str) and "=" in source:
        # An override stands where the config would.
        overrides, source = [source, *overrides], None
    # Whether another config describes the same evolution shows once it is built.
    return run_config(own if source is None else source, overrides, plugins)


def _train_here(
    config: RunConfig, path: Path, argv: Sequence[str], resume: bool, quiet: bool
) -> None:
    with alone(quiet) as (ranks, terminal):
        from evolife.run import train

        session = train.Session(ranks, terminal, argv, code_identity(), resume)
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
