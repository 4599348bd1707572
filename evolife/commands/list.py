"""Show what there is: plug-ins of every kind, configs, sweeps and operators."""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evolife.commands._arguments import add_json, add_plugins
from evolife.config.bundled import bundled_configs, bundled_folder
from evolife.config.yaml_file import read_yaml
from evolife.console.terminal import Terminal
from evolife.errors import InvalidInput, nearest
from evolife.plugins.files import Plugin, find, summary
from evolife.plugins.kinds import KINDS

Rows = list[dict[str, str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("kind", nargs="?", choices=[*_KINDS], help="one kind only")
    add_plugins(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print one table a kind."""
    found = catalogue(args.kind, args.plugins)
    terminal = Terminal(args.json)
    terminal.print_json(found)
    for kind, rows in found.items():
        terminal.table(
            kind, ("name", "what it is"), [(r["name"], r["summary"]) for r in rows]
        )
        terminal.text("")
    return 0


def catalogue(
    kind: str | None = None, plugins: Sequence[str | os.PathLike[str]] = ()
) -> dict[str, Rows]:
    """Tell what there is.

    Args:
        kind: one kind only: agents, envs, wrappers, selections, strategies,
            estimators, configs, meta, sweeps or operators.
        plugins: folders of plug-ins of your own.

    Returns:
        The document that ``evolife list --json`` prints: names and summaries by kind,
        and under ``broken`` why one cannot be used. Files are read and not run.

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
        return [_row(name, one) for name, one in find(kind, plugins).items()]

    return rows


def _row(name: str, plugin: Plugin) -> dict[str, str]:
    """One that is broken says why, and does not stand in the way of the others."""
    try:
        return {"name": name, "summary": summary(plugin)}
    except InvalidInput as error:
        return {"name": name, "summary": f"broken: {error}", "broken": str(error)}


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
    **{kind: _plugins(kind) for kind in KINDS},
    "configs": _configs("configs"),
    "meta": _configs("meta"),
    "sweeps": _configs("sweeps"),
    "operators": _operators,
}
