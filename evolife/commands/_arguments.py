"""Arguments that several commands share."""

import argparse
from pathlib import Path
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
        help="a folder of plug-ins of your own: agents/, envs/, wrappers/, "
        "selections/, strategies/ or estimators/; replaces one of the config that is "
        "gone",
    )


def add_folders(parser: argparse.ArgumentParser, what: str) -> None:
    """Declare ``--out``, ``--resume`` and ``--resume-or-start``, for a run's folder."""
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"folder of the {what}")
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help=f"{what} to go on with"
    )
    parser.add_argument(
        "--resume-or-start",
        type=Path,
        metavar="DIR",
        help=f"go on with the {what} there, or begin it; one command for job scripts",
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
