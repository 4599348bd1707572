"""Names of runs, stable by content, and the overrides that make them."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from evolife.storage.sweep_folder import Entry
from evolife.sweeps.expansion import Assignment, canonical

_LONGEST = 60
_DIGITS = 10


def entry(assignment: Assignment, base_digest: str, shown: Sequence[str]) -> Entry:
    """One line of the manifest."""
    content = f"{base_digest} {canonical(assignment)}".encode()
    digest = hashlib.sha256(content).hexdigest()[:_DIGITS]
    parts = [_part(key, assignment[key]) for key in shown if key in assignment]
    slug = "-".join(parts)[:_LONGEST].strip("-._") or "run"
    return Entry(f"{slug}-{digest}", dict(assignment), overrides(assignment))


def overrides(assignment: Mapping[str, Any]) -> tuple[str, ...]:
    """As ``evolife train`` takes them; sections before the keys within them."""
    ordered = sorted(assignment, key=lambda key: key.count("."))
    return tuple(f"{key}={json.dumps(assignment[key])}" for key in ordered)


def _part(key: str, value: Any) -> str:
    name = key.removesuffix(".name").rpartition(".")[2]
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        return _safe(value["name"])
    if key.endswith(".name") and isinstance(value, str):
        return _safe(value)
    text = f"{value:.4g}" if isinstance(value, float) else json.dumps(value)
    return f"{_safe(name)}_{_safe(text)}"


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text.strip('"')).strip("_") or "x"
