"""Arguments that several commands share."""

import argparse


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
