"""Settings that a run left at their defaults, beside others that set them.

A sweep over agents may set ``sample: true`` for one whose default is false and leave it
to another whose default is true: both do the same, and so the page shows the same.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from evolife.config.layers import value_at
from evolife.reports.runs import Run

_ABSENT = object()


def with_defaults(runs: Sequence[Run]) -> list[Run]:
    """The runs; whatever one of them sets, all have that have such a setting.

    What a run does not set is read from its resolved config. A run that has none yet
    is like those that differ from it only in the seed.
    """
    asked: dict[str, Any] = {}
    for run in runs:
        asked = _merged(asked, run.parameters)
    configs = {run.experiment: run.config for run in runs if run.config}
    found = []
    for run in runs:
        config = run.config or configs.get(run.experiment, {})
        resolved = {key: value_at(config, key, _ABSENT) for key in asked}
        parameters = _filled_mapping(run.parameters, resolved, asked)
        found.append(dataclasses.replace(run, parameters=parameters))
    return found


def _merged(asked: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of both, in order, as mappings to the keys within; None is a value."""
    found = dict(asked)
    for key, value in given.items():
        if isinstance(value, Mapping):
            found[key] = _merged(found.get(key) or {}, value)
        else:
            found.setdefault(key, None)
    return found


def _filled(own: Any, resolved: Any, asked: Mapping[str, Any] | None) -> Any:
    """What a run sets, and of the rest that is asked for what its config says."""
    if not isinstance(resolved, Mapping) or (not asked and own is not _ABSENT):
        return resolved if own is _ABSENT else own
    if not asked:
        # Others set a plug-in by its name alone.
        return resolved.get("name", resolved)
    named = {} if own is _ABSENT or own is None else {"name": own}
    return _filled_mapping(own if isinstance(own, Mapping) else named, resolved, asked)


def _filled_mapping(
    own: Mapping[str, Any], resolved: Mapping[str, Any], asked: Mapping[str, Any]
) -> dict[str, Any]:
    filled = {
        key: _filled(own.get(key, _ABSENT), resolved.get(key, _ABSENT), keys)
        for key, keys in asked.items()
    }
    return {key: value for key, value in filled.items() if value is not _ABSENT}
