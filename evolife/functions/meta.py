"""``evolife.meta``: selection operators trained or judged from Python."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evolife.config.bundled import bundled_configs
from evolife.config.sources import Override, Source, override_texts
from evolife.console.terminal import Terminal
from evolife.errors import InvalidInput, our_errors
from evolife.functions.destination import Destination, destination
from evolife.functions.process import Quiet, alone, plan_alone
from evolife.metalearning.config import MetaConfig, load_meta, meta_config
from evolife.storage.provenance import code_identity
from evolife.storage.run_folder import run_path

Folder = str | os.PathLike[str]


def meta(
    config: Source | MetaConfig | None = None,
    *overrides: Override,
    out: Folder | None = None,
    resume: Folder | None = None,
    resume_or_start: Folder | None = None,
    evaluate: str | None = None,
    seeds: int = 16,
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
        found = chosen_config(config, texts, where)
        plan_alone(1)
    with alone(quiet) as (ranks, terminal), run_path(where.path, found.name) as path:
        from evolife.metalearning import run

        argv, code = ["evolife.meta", found.name, *texts], code_identity()
        card = run.meta(found, path, ranks, terminal, argv, code, where.resume)
        return trained(path, card)


def trained(path: Path, card: dict[str, Any]) -> dict[str, Any]:
    """What is said of a finished meta-run."""
    from evolife.metalearning.journal import OPERATOR

    return {"run": str(path), "operator": str(path / OPERATOR), "card": card}


def chosen_config(
    source: Source | MetaConfig | None,
    overrides: Sequence[str],
    where: Destination,
) -> MetaConfig:
    """The config to train by; that of the run to resume where none is named.

    Raises:
        InvalidInput: there is none, or something is wrong with it.
    """
    own = where.own_config
    if own is None:
        if source is None:
            raise InvalidInput("meta needs a config; see evolife list meta")
        return meta_config(source, overrides)
    if isinstance(source, str) and "=" in source:
        # An override stands where the config would.
        overrides, source = [source, *overrides], None
    return meta_config(own if source is None else source, overrides)


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
    from evolife.selection.operator_file import load

    found, card = load(operator)
    route, key = card["route"], root_key(1234)
    if route["name"] == "survivors":
        verdict = choices.judge_survivors(found, 100 * seeds, key)
        return verdict, choices.survivors_page(verdict)
    if route["name"] in ("lives", "regret"):
        watched = _watched() | route
        verdict = choices.judge_lives(found, watched, seeds, 60, key)
        return verdict, choices.lives_page(verdict)
    tell = (terminal or Quiet()).info
    verdict = report.judge([found], route["strategy"], seeds, tell=tell)
    return verdict, report.markdown(verdict)


def _watched() -> dict[str, Any]:
    """Real lives to judge by, for operators that saw none: a bundled meta-config's."""
    configs = (load_meta(name) for name in bundled_configs("meta"))
    return next(one.route.settings for one in configs if one.route.name == "lives")
