"""Write the JSON Schema of a config to stdout."""

import argparse
import os
from collections.abc import Sequence
from typing import Any

from evolife.commands._arguments import add_json, add_plugins
from evolife.config.plugin_folders import folders
from evolife.console.terminal import Terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_plugins(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the schema, which without plug-ins is ``launch/schema.json``."""
    Terminal(json=True).print_json(schema(args.plugins))
    return 0


def schema(
    plugins: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
) -> dict[str, Any]:
    """Write the JSON Schema (2020-12) of a config, built-in plug-ins included.

    Args:
        plugins: folders of plug-ins of your own, to be included too.

    Returns:
        The document that ``evolife schema`` prints.

    Raises:
        InvalidInput: a plug-in cannot be imported, as without gymnax.
    """
    from evolife.plugins.schema import json_schema

    return json_schema(folders(plugins))
