"""Show what there is: agents, envs, strategies, selections, configs, sweeps."""

import argparse
import builtins
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evolife.commands._arguments import add_json, add_plugins
from evolife.config.bundled import bundled_configs, bundled_folder
from evolife.config.yaml_file import read_yaml
from evolife.console.terminal import Terminal
from evolife.errors import InvalidInput, nearest
from evolife.plugins import registry
from evolife.strategies.evosax.differences import DIFFERENCES

Rows = builtins.list[dict[str, str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("kind", nargs="?", choices=[*_KINDS], help="one kind only")
    add_plugins(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print one table a kind."""
    found = list(args.kind, args.plugins)
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


def list(
    kind: str | None = None, plugins: Sequence[str | os.PathLike[str]] = ()
) -> dict[str, Rows]:
    """Tell what there is.

    Args:
        kind: one kind only: agents, envs, strategies, selections, configs, meta or
            operators.
        plugins: folders with ``agents/`` and ``envs/`` of your own.

    Returns:
        The document that ``evolife list --json`` prints: names and summaries by kind.

    Raises:
        InvalidInput: there is no such kind, or no such folder.
    """
    if kind is not None and kind not in _KINDS:
        raise InvalidInput(
            f"kind '{kind}': allowed are {', '.join(_KINDS)}{nearest(kind, _KINDS)}"
        )
    folders = [os.fspath(folder) for folder in plugins]
    return {one: _KINDS[one](folders) for one in _KINDS if kind in (None, one)}


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
    return rows + [{"name": name, "summary": _of_evosax(name)} for name in theirs]


def _of_evosax(name: str) -> str:
    """What an algorithm of evosax is, marked where it does otherwise than its paper."""
    if name not in DIFFERENCES:
        return "algorithm of evosax"
    does, instead = (part.replace("`", "") for part in DIFFERENCES[name])
    return f"algorithm of evosax (differs from its paper: {does}; instead: {instead})"


def _selections(_: Sequence[str]) -> Rows:
    return [
        {"name": name, "summary": summary}
        for name, summary in registry.selection_summaries().items()
    ]


def _configs(kind: str) -> Callable[[Sequence[str]], Rows]:
    def rows(_: Sequence[str]) -> Rows:
        return [
            {"name": name, "summary": _purpose(read_yaml(path).data)}
            for name, path in bundled_configs(kind).items()
        ]

    return rows


def _purpose(data: Mapping[str, Any]) -> str:
    return str(data.get("claim") or data.get("description", ""))


def _operators(_: Sequence[str]) -> Rows:
    folder = bundled_folder("operators")
    return [
        {"name": path.stem, "summary": _claim(path.with_suffix(".md"))}
        for path in sorted(folder.glob("*.safetensors"))
    ]


def _claim(card: Path) -> str:
    """The first paragraph of a card, below its title."""
    return card.read_text(encoding="utf-8").split("\n\n")[1].replace("\n", " ")


_KINDS: dict[str, Callable[[Sequence[str]], Rows]] = {
    "agents": _plugins("agents"),
    "envs": _plugins("envs"),
    "strategies": _strategies,
    "selections": _selections,
    "configs": _configs("configs"),
    "meta": _configs("meta"),
    "sweeps": _configs("sweeps"),
    "operators": _operators,
}
