"""Which settings differ between two configs, key by key, in words."""

import json
from collections.abc import Mapping
from typing import Any

from evolife.config.layers import flat

_MOST = 8
"""Settings named; of more, the rest is counted."""
_ABSENT = object()


def changes(was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Name what differs: ``agent.hidden was 32, now is 64; seed was 0, now is 1``."""
    before, after = flat(was), flat(now)
    told = [
        f"{key} {_words(before.get(key, _ABSENT), after.get(key, _ABSENT))}"
        for key in {**before, **after}
        if before.get(key, _ABSENT) != after.get(key, _ABSENT)
    ]
    more = [f"and {len(told) - _MOST} more"] if len(told) > _MOST else []
    return "; ".join([*told[:_MOST], *more])


def _words(was: Any, now: Any) -> str:
    if was is _ABSENT:
        return f"was not set, now is {json.dumps(now)}"
    if now is _ABSENT:
        return f"was {json.dumps(was)}, now is not set"
    return f"was {json.dumps(was)}, now is {json.dumps(now)}"
