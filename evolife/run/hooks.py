"""What is told of every generation, for loggers that are not ours.

A hook is a function ``hook(metrics, run)`` of a line of ``metrics.jsonl`` and of what
is known of the run: its ``name``, its ``config`` as plain data, and its ``folder``,
None where there is none. It is called on rank 0 alone, after each generation.

A package offers one to all runs by an entry point of the group
``evolife.on_generation``.
"""

import importlib.metadata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Hook = Callable[[dict[str, Any], Mapping[str, Any]], object]
GROUP = "evolife.on_generation"


def installed_hooks(warn: Callable[[str], None]) -> list[Hook]:
    """Those of installed packages; of one that cannot be loaded a warning is left."""
    found = []
    for entry in importlib.metadata.entry_points(group=GROUP):
        try:
            found.append(entry.load())
        except Exception as error:
            warn(f"the hook {entry.value} of {GROUP} cannot be loaded: {_words(error)}")
    return found


class Hooks:
    """Calls hooks; a run goes on without one that fails."""

    def __init__(
        self, hooks: Iterable[Hook], run: Mapping[str, Any], warn: Callable[[str], None]
    ) -> None:
        self._hooks, self._run, self._warn = list(hooks), run, warn

    def tell(self, metrics: Mapping[str, Any]) -> None:
        """Tell every hook of one generation; each gets numbers of its own."""
        for hook in list(self._hooks):
            try:
                hook(dict(metrics), self._run)
            except Exception as error:
                self._hooks.remove(hook)
                self._warn(
                    f"the hook {_name(hook)} failed and is not called again: "
                    f"{_words(error)}"
                )


def _name(hook: Hook) -> str:
    name = getattr(hook, "__qualname__", type(hook).__qualname__)
    return f"{getattr(hook, '__module__', '?')}.{name}"


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
