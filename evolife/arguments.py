"""Arguments that several commands share."""

import argparse
from typing import Literal


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Declare ``key=value ...``."""
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="changes, such as seed=1"
    )


def add_plugins(parser: argparse.ArgumentParser) -> None:
    """Declare ``--plugins DIR``, which may be given several times."""
    parser.add_argument(
        "--plugins",
        action="append",
        default=[],
        metavar="DIR",
        help="a folder with agents/ and envs/ of your own",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Declare ``--json``."""
    parser.add_argument(
        "--json", action="store_true", help="one JSON document on stdout"
    )


def add_ranks(parser: argparse.ArgumentParser) -> None:
    """Declare ``--ranks N|auto``."""
    parser.add_argument(
        "--ranks", type=_ranks, default="auto", help="local ranks (default: the cores)"
    )


def _ranks(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is neither a number nor 'auto'"
        ) from None
