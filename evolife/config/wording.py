"""Words for the places, values and rules that an error message speaks of."""

import json
from collections.abc import Mapping
from typing import Any

from evolife.config.layers import KeyPath


def display(path: KeyPath) -> str:
    """Write a path as ``agent.hidden[0]``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def shown(value: Any) -> str:
    """Write a value as in YAML, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def expected(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Say in words what a JSON Schema allows, such as ``an integer of at least 1``."""
    if "$ref" in schema:
        return expected(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        options = [expected(option, definitions) for option in schema["anyOf"]]
        return ", or ".join(options)
    if "const" in schema:
        return shown(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(map(shown, schema["enum"]))
    match schema.get("type"):
        case "integer" | "number" as kind:
            noun = "an integer" if kind == "integer" else "a number"
            return noun + _bounds(schema)
        case "string":
            return "text" + _text_rule(schema)
        case "array":
            return _expected_list(schema, definitions)
        case "object":
            keys = [f"{key}: ..." for key in schema.get("properties", ())]
            return "a mapping" + (f", as in {{{', '.join(keys)}}}" if keys else "")
        case "boolean":
            return "true or false"
        case "null":
            return "null"
    return "another value"


def _bounds(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    words = {
        "minimum": "of at least",
        "exclusiveMinimum": "above",
        "maximum": "of at most",
        "exclusiveMaximum": "below",
        "multipleOf": "that is a multiple of",
    }
    parts = [f"{word} {schema[key]}" for key, word in words.items() if key in schema]
    return f" {' and '.join(parts)}" if parts else ""


def _text_rule(schema: Mapping[str, Any]) -> str:
    if "pattern" in schema:
        return f" that matches {schema['pattern']}"
    return ", not empty" if schema.get("minLength") else ""


def _expected_list(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "prefixItems" in schema:
        items = [expected(item, definitions) for item in schema["prefixItems"]]
        return f"a list of {len(items)}: " + ", ".join(items)
    least = schema.get("minItems", 0)
    size = f" with at least {least} item{'s' * (least > 1)}" if least else ""
    item = schema.get("items")
    return f"a list{size}" + (f", each {expected(item, definitions)}" if item else "")
