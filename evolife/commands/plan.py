"""Predict time, memory and traffic of a run on N ranks from one unit timed here."""

import argparse
import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from evolife.commands._arguments import add_json, add_overrides, add_plugins
from evolife.config.model import RunConfig
from evolife.config.sources import Override, Source, override_texts, run_config
from evolife.console.terminal import Terminal
from evolife.errors import InvalidInput
from evolife.processes.embedded import prepare
from evolife.processes.numerics import own_settings
from evolife.ranks.network import Network

_TILES = (4, 8, 16, 32, 64, 128, 256, 512)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("config", help="a bundled config's name or a YAML file")
    add_overrides(parser)
    parser.add_argument("--ranks", type=int, default=64, help="the most ranks to plan")
    parser.add_argument(
        "--tune", action="store_true", help="time other tiles than the config's"
    )
    parser.add_argument(
        "--latency",
        type=float,
        default=Network.latency,
        help="seconds of a hop between ranks",
    )
    parser.add_argument(
        "--bandwidth",
        type=float,
        default=Network.bandwidth,
        help="bytes a second between ranks",
    )
    add_plugins(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Time, predict, and show the table."""
    names = ("ranks", "tune", "latency", "bandwidth", "plugins")
    given = {name: getattr(args, name) for name in names}
    report = plan(args.config, *args.overrides, **given)
    terminal = Terminal(args.json)
    if args.json:
        terminal.print_json(report)
    else:
        _show(report, terminal)
    return 0


def plan(
    config: Source | RunConfig,
    *overrides: Override,
    ranks: int = 64,
    tune: bool = False,
    latency: float = Network.latency,
    bandwidth: float = Network.bandwidth,
    plugins: Sequence[str | os.PathLike[str]] = (),
    **settings: Any,
) -> dict[str, Any]:
    """Predict time, memory and traffic of a run from one unit of work timed here.

    Args:
        config: a bundled config's name, a YAML file, a mapping, or a ``RunConfig``.
        overrides: changes as ``"agent.hidden=64"`` or ``{"agent.hidden": 64}``.
        ranks: the most ranks to plan, 1 to 100000.
        tune: time other tiles than the config's, too.
        latency: seconds of a hop between two ranks.
        bandwidth: bytes a second between them; ``doctor`` measures both.
        plugins: folders with ``agents/`` and ``envs/`` of your own.
        settings: changes as ``agent__hidden=64``.

    Returns:
        The document that ``evolife plan --json`` prints; seconds and bytes.

    Raises:
        InvalidInput: something is wrong with the config, it needs too much memory, or a
            number is out of range.
    """
    if not 1 <= ranks <= 100_000:
        raise InvalidInput(f"--ranks {ranks}: allowed are 1 to 100000")
    network = Network(latency, bandwidth)
    found = run_config(config, override_texts(overrides, settings), plugins)
    prepare()
    with own_settings():
        return _planned(found, ranks, tune, network)


def _planned(
    config: RunConfig, ranks: int, tune: bool, network: Network
) -> dict[str, Any]:
    from evolife.plugins.build import build_run
    from evolife.run import plan
    from evolife.run.memory import check_memory, strategy_bytes
    from evolife.run.plan import idle_ranks, repeated_work

    experiment = build_run(config).experiment
    check_memory(experiment)
    measured = plan.measure(experiment)
    predicted = [
        dataclasses.asdict(plan.predict(measured, count, network))
        for count in plan.rank_counts(ranks)
    ]
    report: dict[str, Any] = {
        "name": config.name,
        "tile": experiment.grid.tile,
        "generations": config.generations,
        "strategy_bytes": strategy_bytes(experiment),
        "idle": idle_ranks(experiment, ranks),
        "repeated": repeated_work(experiment, ranks),
        "measured": dataclasses.asdict(measured),
        "predicted": predicted,
    }
    if tune:
        report["tiles"] = [
            {"tile": tile, "steps_per_second": speed}
            for tile, speed in plan.tune(config, _TILES)
        ]
    return report


def _show(report: dict[str, Any], terminal: Terminal) -> None:
    rows = [
        (
            row["ranks"],
            row["seconds"],
            row["seconds"] * report["generations"] / 60,
            f"{row['efficiency']:.0%}",
            row["bytes_sent"],
            row["memory_bytes"] // 2**20,
        )
        for row in report["predicted"]
    ]
    columns = ("ranks", "s/generation", "run (min)", "efficiency", "bytes", "MB/rank")
    terminal.table(f"{report['name']}, tile {report['tile']}", columns, rows)
    held = report["strategy_bytes"] / 2**20
    terminal.text(f"ask and tell hold {held:.3g} MB on every rank")
    for words in filter(None, (report["idle"], report["repeated"])):
        terminal.text(words)
    if "tiles" in report:
        best = max(row["steps_per_second"] for row in report["tiles"])
        tiles = [
            (
                r["tile"],
                r["steps_per_second"] / 1e6,
                f"{r['steps_per_second'] / best:.0%}",
            )
            for r in report["tiles"]
        ]
        terminal.table("tiles, one rank", ("tile", "M steps/s", "of best"), tiles)
