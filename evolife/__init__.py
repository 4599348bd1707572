"""evolife: evolve agents that learn during their own lifetime."""

import importlib
from typing import TYPE_CHECKING, Any

from evolife.version import __version__

if TYPE_CHECKING:
    from evolife.commands.describe import describe as describe
    from evolife.commands.doctor import doctor as doctor
    from evolife.commands.list import list as list
    from evolife.commands.plan import plan as plan
    from evolife.commands.schema import schema as schema
    from evolife.functions.compare import compare as compare
    from evolife.functions.evaluate import evaluate as evaluate
    from evolife.functions.meta import meta as meta
    from evolife.functions.report import report as report
    from evolife.functions.sweep import sweep as sweep
    from evolife.functions.train import train as train
    from evolife.results.live.watch import watch as watch
    from evolife.results.load import load as load

_FUNCTIONS = {
    "compare": "evolife.functions.compare",
    "describe": "evolife.commands.describe",
    "doctor": "evolife.commands.doctor",
    "evaluate": "evolife.functions.evaluate",
    "list": "evolife.commands.list",
    "load": "evolife.results.load",
    "meta": "evolife.functions.meta",
    "plan": "evolife.commands.plan",
    "report": "evolife.functions.report",
    "schema": "evolife.commands.schema",
    "sweep": "evolife.functions.sweep",
    "train": "evolife.functions.train",
    "watch": "evolife.results.live.watch",
}
"""Where each function lies; it is imported when it is first asked for."""

# Without `list`: after `from evolife import *` Python's own should still be there.
__all__ = ["__version__", *(name for name in _FUNCTIONS if name != "list")]


def __getattr__(name: str) -> Any:
    """Import a function when it is asked for: ``import evolife`` stays light."""
    if name not in _FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_FUNCTIONS[name]), name)


def __dir__() -> Any:
    """What there is, functions too."""
    return sorted({*globals(), *_FUNCTIONS})
