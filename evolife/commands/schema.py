"""Write the JSON Schema of a config to stdout."""

import argparse
from typing import Any

from evolife.commands._arguments import add_json
from evolife.console.terminal import Terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the schema that ``launch/schema.json`` holds."""
    Terminal(json=True).print_json(schema())
    return 0


def schema() -> dict[str, Any]:
    """Write the JSON Schema (2020-12) of a config, built-in plug-ins included.

    Returns:
        The document that ``evolife schema`` prints.

    Raises:
        InvalidInput: a built-in plug-in cannot be imported, as without gymnax.
    """
    from evolife.plugins.schema import json_schema

    return json_schema()
