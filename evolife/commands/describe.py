"""Answer five questions of a config: what goes in and out, what for, where, or else."""

import argparse
import os
from collections.abc import Sequence
from typing import Any

from evolife.commands._arguments import add_json, add_overrides, add_plugins
from evolife.config.model import RunConfig
from evolife.config.sources import Override, Source, override_texts, run_config
from evolife.console.progress import many
from evolife.console.terminal import Terminal
from evolife.processes.numerics import check_device, own_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("config", help="a bundled config's name or a YAML file")
    add_overrides(parser)
    add_plugins(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the answers, taken from the config and its plug-ins."""
    config = run_config(args.config, args.overrides, args.plugins)
    answers = describe(config)
    terminal = Terminal(args.json)
    if args.json:
        terminal.print_json(answers)
        return 0
    terminal.text(f"{config.name}: {config.agent.name} in {config.env.name}")
    for question, text in answers["questions"].items():
        terminal.text(f"\n{question}\n  {text}")
    for fault in answers["faults"]:
        terminal.warning(fault)
    return 0


def describe(
    config: Source | RunConfig,
    *overrides: Override,
    plugins: Sequence[str | os.PathLike[str]] = (),
    **settings: Any,
) -> dict[str, Any]:
    """Answer five questions of a config: what goes in and out, what for, and so on.

    Args:
        config: a bundled config's name, a YAML file, a mapping, or a ``RunConfig``.
        overrides: changes as ``"agent.hidden=64"`` or ``{"agent.hidden": 64}``.
        plugins: folders with ``agents/`` and ``envs/`` of your own.
        settings: changes as ``agent__hidden=64``.

    Returns:
        The document that ``evolife describe --json`` prints: ``questions`` and their
        answers, and the numbers behind them.

    Raises:
        InvalidInput: something is wrong with the config.
    """
    texts = override_texts(overrides, settings)
    with own_settings():
        return answer(run_config(config, texts, plugins))


def answer(config: RunConfig) -> dict[str, Any]:
    """The five questions and their answers, with the numbers behind them.

    Raises:
        InvalidInput: for whatever ``evolife train`` would refuse of the config.
    """
    from evolife.run.bounds import statement_faults
    from evolife.run.readiness import ready

    check_device()
    experiment = ready(config)[0].experiment
    environment, agent = experiment.environment, experiment.agent
    spec, steps = environment.spec, config.lifetime.steps
    optimum, memoryless = environment.optimum(steps), environment.memoryless(steps)
    known = [
        f"{name} {value:.4g}"
        for name, value in (("best known", optimum), ("memoryless", memoryless))
        if value is not None
    ]
    lives, inputs = config.lifetime.lives, many(spec.observation_size, "number")
    questions = {
        "What goes in?": f"{environment.senses} ({inputs} a step, for {steps} steps). "
        f"{agent.idea}",
        "What comes out?": f"the agent {environment.acts} "
        f"({_words(spec.action_space)})",
        "What is maximised, and what does that assume?": f"{environment.objective}; "
        f"averaged over {lives} {'life' if lives == 1 else 'lives'} a member"
        + (f" ({', '.join(known)})" if known else ""),
        "Where should it generalise?": _generalises(environment, steps),
        "Which claim could fail?": config.claim or "none is stated",
    }
    return {
        "name": config.name,
        "questions": questions,
        "optimum": optimum,
        "memoryless": memoryless,
        "faults": statement_faults(optimum, memoryless),
        "observation_size": spec.observation_size,
        "action_space": _words(spec.action_space),
    }


def _generalises(environment: Any, steps: int) -> str:
    from evolife.engine.variety import variety
    from evolife.envs.wrappers import innermost

    told: str = environment.generalises
    if not innermost(environment).probed:
        return told
    found = variety(environment, steps)
    if found == "none":
        return (
            "nowhere that could be tried: all its lives are equal (they begin alike, "
            "and nothing in their course is drawn), so that no score can be held out"
        )
    if found == "course":
        return f"{told}, which begin alike and differ in their course"
    return f"{told}, which differ from the start"


def _words(space: Any) -> str:
    from evolife.base import Both, Discrete

    if isinstance(space, Both):
        return f"{_words(space.discrete)} and {_words(space.continuous)}"
    if isinstance(space, Discrete):
        return f"one of {space.size}"
    return f"{many(space.size, 'number')} within [{space.low:g}, {space.high:g}]"
