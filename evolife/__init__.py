"""evolife: evolve agents that learn during their own lifetime."""

import importlib
from typing import TYPE_CHECKING, Any

from evolife.version import __version__

if TYPE_CHECKING:
    from evolife.commands.compare import compare as compare
    from evolife.commands.describe import describe as describe
    from evolife.commands.doctor import doctor as doctor
    from evolife.commands.evaluate import evaluate as evaluate
    from evolife.commands.list import catalogue as catalogue
    from evolife.commands.meta import meta as meta
    from evolife.commands.plan import plan as plan
    from evolife.commands.report import report as report
    from evolife.commands.schema import schema as schema
    from evolife.commands.sweep import sweep as sweep
    from evolife.commands.train import train as train
    from evolife.results.live.watch import watch as watch
    from evolife.results.load import load as load
    from evolife.run.evolve_objects import evolve as evolve

_FUNCTIONS = {
    "catalogue": "evolife.commands.list",
    "compare": "evolife.commands.compare",
    "describe": "evolife.commands.describe",
    "doctor": "evolife.commands.doctor",
    "evaluate": "evolife.commands.evaluate",
    "evolve": "evolife.run.evolve_objects",
    "load": "evolife.results.load",
    "meta": "evolife.commands.meta",
    "plan": "evolife.commands.plan",
    "report": "evolife.commands.report",
    "schema": "evolife.commands.schema",
    "sweep": "evolife.commands.sweep",
    "train": "evolife.commands.train",
    "watch": "evolife.results.live.watch",
}
"""Where each function lies; it is imported when it is first asked for."""

__all__ = ["__version__", *_FUNCTIONS]


def __getattr__(name: str) -> Any:
    """Import a function when it is asked for: ``import evolife`` stays light."""
    if name not in _FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_FUNCTIONS[name]), name)


def __dir__() -> Any:
    """What there is, functions too."""
    return sorted({*globals(), *_FUNCTIONS})
