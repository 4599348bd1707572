"""Show what there is: agents, envs, strategies, selections, configs."""

import argparse
from collections.abc import Callable, Sequence

from evolife.arguments import add_json, add_plugins
from evolife.config.bundled import bundled_configs
from evolife.config.yaml_file import read_yaml
from evolife.plugins import registry
from evolife.record.terminal import Terminal

Rows = list[dict[str, str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("kind", nargs="?", choices=list(_KINDS), help="one kind only")
    add_plugins(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print one table a kind."""
    kinds = [args.kind] if args.kind else list(_KINDS)
    found = {kind: _KINDS[kind](args.plugins) for kind in kinds}
    terminal = Terminal(args.json)
    if args.json:
        terminal.print_json(found)
        return 0
    for kind, rows in found.items():
        terminal.table(
            kind, ("name", "what it is"), [(r["name"], r["summary"]) for r in rows]
        )
        terminal.text("")
    return 0


def _plugins(kind: str) -> Callable[[Sequence[str]], Rows]:
    def rows(plugins: Sequence[str]) -> Rows:
        found = registry.names(kind, plugins)
        return [
            {"name": name, "summary": registry.summary(path)}
            for name, path in found.items()
        ]

    return rows


def _strategies(_: Sequence[str]) -> Rows:
    ours, *theirs = registry.strategy_names()
    rows = [{"name": ours, "summary": "shared weights, low-rank perturbations"}]
    return rows + [{"name": n, "summary": "algorithm of evosax"} for n in theirs]


def _selections(_: Sequence[str]) -> Rows:
    return [
        {"name": name, "summary": summary}
        for name, summary in registry.selection_summaries().items()
    ]


def _configs(_: Sequence[str]) -> Rows:
    rows = []
    for name, path in bundled_configs().items():
        claim = str(read_yaml(path).data.get("claim", ""))
        rows.append({"name": name, "summary": claim})
    return rows


_KINDS: dict[str, Callable[[Sequence[str]], Rows]] = {
    "agents": _plugins("agents"),
    "envs": _plugins("envs"),
    "strategies": _strategies,
    "selections": _selections,
    "configs": _configs,
}
