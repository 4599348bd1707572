"""The command line: finds commands by file, and turns failures into exit codes."""

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

import evolife
from evolife import commands
from evolife.errors import EvolifeError, InvalidInput, nearest
from evolife.processes.numerics import use_own_settings
from evolife.processes.signals import report_and_exit
from evolife.processes.surroundings import flush, forget_stdout, settle


class _Parser(argparse.ArgumentParser):
    """Reports bad arguments as every other bad input is reported."""

    def error(self, message: str) -> NoReturn:
        raise InvalidInput(f"{message}; see {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    settle()
    arguments = list(sys.argv[1:] if argv is None else argv)
    use_own_settings(os.environ)
    try:
        found = (module.name for module in pkgutil.iter_modules(commands.__path__))
        names = [name for name in found if not name.startswith("_")]
        _check_command(arguments, names)
        parsed = _parse(names, arguments)
        code: int = parsed.command.run(parsed)
        flush()
        return code
    except EvolifeError as error:
        report_and_exit(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        forget_stdout()
        return 1
    except OSError as error:
        # Such as a name that is too long, or a folder that may not be entered.
        what = f"{error.filename}: " if error.filename else ""
        report_and_exit(InvalidInput(f"{what}{error.strerror or error}"))
    except UnicodeEncodeError as error:
        # Names of files are bytes, in an encoding that the locale says.
        told = f"{error.object!a} cannot be written in {error.encoding}"
        report_and_exit(InvalidInput(f"{told}: set LC_ALL=C.UTF-8"))


def _parse(names: list[str], arguments: list[str]) -> argparse.Namespace:
    """Read the arguments; overrides may stand before, between and after options."""
    parser = _parser(names)
    parsed, rest = parser.parse_known_args(arguments)
    known = hasattr(parsed, "overrides")
    strange = [word for word in rest if word.startswith("-") or not known]
    if strange:
        prog = f"{parser.prog} {parsed.name}"
        raise InvalidInput(
            f"unrecognized arguments: {' '.join(strange)}; see {prog} --help"
        )
    if rest:
        parsed.overrides = [*parsed.overrides, *rest]
    parsed.argv = arguments
    return parsed


def _parser(names: list[str]) -> argparse.ArgumentParser:
    parser = _Parser(prog="evolife", description=evolife.__doc__)
    parser.add_argument("--version", action="version", version=evolife.__version__)
    parsers = parser.add_subparsers(metavar="COMMAND", dest="name", required=True)
    for name in names:
        module = importlib.import_module(f"evolife.commands.{name}")
        _add(parsers, name, module)
    return parser


def _add(parsers: argparse._SubParsersAction, name: str, module: ModuleType) -> None:
    # Python without docstrings (-OO) has no summaries.
    summary = (module.__doc__ or "").strip().partition("\n")[0]
    parser = parsers.add_parser(name, help=summary, description=module.__doc__)
    parser.set_defaults(command=module)
    module.add_arguments(parser)


def _check_command(arguments: Sequence[str], allowed: list[str]) -> None:
    name = next((word for word in arguments if not word.startswith("-")), None)
    if name is not None and name not in allowed:
        raise InvalidInput(
            f"there is no command '{name}'{nearest(name, allowed)} "
            f"Allowed: {', '.join(allowed)}"
        )
