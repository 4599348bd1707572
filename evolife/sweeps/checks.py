"""Whether the runs of a sweep are configs at all, before the first of them begins."""

import functools
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from evolife.config.bundled import bundled_folder
from evolife.config.layers import CHOICES, Layer, Origins, merge, override_layer
from evolife.config.model import Choice, RunConfig
from evolife.errors import InvalidInput, nearest
from evolife.storage.sweep_folder import Entry
from evolife.sweeps.expansion import canonical
from evolife.sweeps.spec import Sweep

_MOST = 1_000
"""Runs checked at most, beginning with those that have a value for the first time."""
_SHOWN = 5


def check(sweep: Sweep, entries: Sequence[Entry]) -> None:
    """Refuse runs whose config would be refused; needs no JAX.

    Hyperparameters are checked by name for plug-ins that come with evolife; what only
    the plug-in itself can refuse shows when its run is rehearsed.

    Raises:
        InvalidInput: one line for each thing that is wrong, the first few.
    """
    problems: dict[str, None] = {}
    for entry in itertools.islice(ordered(entries), _MOST):
        try:
            config = resolved(sweep.base, entry.overrides)
        except InvalidInput as error:
            problems |= dict.fromkeys(str(error).splitlines())
        else:
            problems |= dict.fromkeys(_unknown_settings(config))
        if len(problems) > _SHOWN:
            break
    if problems:
        told = list(problems)[:_SHOWN]
        more = ["..."] if len(problems) > _SHOWN else []
        raise InvalidInput("\n".join([*told, *more]))


def resolved(base: RunConfig, overrides: Sequence[str]) -> RunConfig:
    """The config of one run.

    Raises:
        InvalidInput: one line for each thing that is wrong.
    """
    layer = Layer(base.model_dump(mode="json"), Origins({"": "base"}))
    return RunConfig.parsed(merge(layer, override_layer(overrides)))


def ordered(entries: Sequence[Entry]) -> Iterator[Entry]:
    """First those that have a value of a key as the first run that does."""
    seen: set[str] = set()
    others = []
    for entry in entries:
        new = {f"{key} {canonical({'': v})}" for key, v in entry.parameters.items()}
        if new <= seen:
            others.append(entry)
        else:
            seen |= new
            yield entry
    yield from others


def _unknown_settings(config: RunConfig) -> Iterable[str]:
    """Hyperparameters that the named plug-in lacks, as far as it is known."""
    for section in CHOICES:
        choice: Choice | None = getattr(config, section, None)
        if choice is None or (section, choice.name) not in _known():
            continue
        allowed = _known()[section, choice.name]
        for key in choice.settings:
            if key not in allowed:
                origin = config.origins.of((section, key))
                yield (
                    f"{origin}: {section}.{key}: {section} '{choice.name}' has no "
                    f"such hyperparameter; allowed: {', '.join(sorted(allowed))}"
                    f"{nearest(key, allowed)}"
                )


@functools.cache
def _known() -> dict[tuple[str, str], set[str]]:
    """Names of the hyperparameters of every plug-in that comes with evolife."""
    path = bundled_folder("configs").parent / "schema.json"
    schema = json.loads(path.read_text())
    found: dict[tuple[str, str], set[str]] = {}
    for section in CHOICES:
        kinds: Any = schema["properties"].get(section, {}).get("anyOf", ())
        for kind in kinds:
            given = kind.get("properties", {})
            name = given.get("name", {}).get("const")
            if name and kind.get("additionalProperties") is False:
                found[section, name] = set(given) - {"name"}
    return found
