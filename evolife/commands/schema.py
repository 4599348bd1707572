"""Write the JSON Schema of a config to stdout."""

import argparse

from evolife.arguments import add_json
from evolife.record.terminal import Terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the schema that ``launch/schema.json`` holds."""
    from evolife.config.schema import json_schema

    Terminal(json=True).print_json(json_schema())
    return 0
