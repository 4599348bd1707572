"""YAML files as plain data with line numbers, under the core schema of YAML 1.2.

``1e-3`` is a number, ``on``, ``yes`` and ``12:30`` are text, octal is ``0o7``, and only
``true`` and ``false`` are booleans. Keys are text and given once. Anchors, aliases and
merge keys (``<<``) work; other tags are refused.
"""

import dataclasses
import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from evolife.errors import InvalidInput

_TAG = "tag:yaml.org,2002:"
_MAX_BYTES, _MAX_NODES, _MAX_DEPTH, _MAX_DIGITS = 1_000_000, 100_000, 50, 1_000
# The core schema of YAML 1.2, chapter 10.3.2; the first match wins.
_CORE = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
}


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012, PyYAML's own protocol


class _Dumper(yaml.SafeDumper):
    """Quotes text that a reader of YAML 1.1 or 1.2 would take for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        # PyYAML folds unusual line breaks unless text is in double quotes.
        style = None if text.isprintable() else '"'
        return self.represent_scalar(_TAG + "str", text, style)


_Dumper.add_representer(str, _Dumper.represent_text)


for _name, _pattern in _CORE.items():
    _regexp = re.compile(rf"(?:{_pattern})\Z")
    _Loader.add_implicit_resolver(_TAG + _name, _regexp, None)
    _Dumper.add_implicit_resolver(_TAG + _name, _regexp, None)


@dataclasses.dataclass(frozen=True)
class Document:
    """What a YAML file says, and the line where it says it."""

    path: Path
    data: dict[str, Any]
    lines: dict[str, int]
    """Line of each value by dotted key; list items are numbered, as in ``hidden.0``."""


def read_yaml(path: Path) -> Document:
    """Read one mapping from a YAML file.

    Raises:
        InvalidInput: names the file, and the line where there is one, if the file
            cannot be read, is not text, is not YAML, or is not one mapping.
    """
    text = _read_text(path)
    node = _compose(text, str(path))
    if node is None:
        raise InvalidInput(f"{path}: is empty; write settings as 'key: value' lines")
    if not isinstance(node, yaml.MappingNode):
        line = node.start_mark.line + 1
        raise InvalidInput(f"{path}:{line}: must hold a mapping of 'key: value' lines")
    reader = _Reader(str(path))
    return Document(path, reader.build(node, ()), reader.lines)


def parse_value(text: str) -> Any:
    """Read one value as YAML 1.2: ``[...]``, ``{...}`` and quotes, or one plain scalar.

    Raises:
        InvalidInput: says what is wrong with ``text``.
    """
    text = text.strip()
    if text[:1] in tuple("[{'\""):
        node = _compose(text, "")
    else:
        tag = _Loader("").resolve(yaml.ScalarNode, text, (True, False))
        mark = yaml.Mark("", 0, 0, 0, text, 0)
        node = yaml.ScalarNode(tag, text, mark, mark)
    return _Reader("").build(node, ())


def dump_yaml(data: Mapping[str, Any]) -> str:
    """Write plain data as YAML that reads back as equal data, keys in their order."""
    return yaml.dump(
        dict(data), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=88
    )


def dotted(path: tuple[str | int, ...]) -> str:
    """Join a path to the key of ``Document.lines``, such as ``agent.hidden.0``."""
    return ".".join(map(str, path))


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidInput(
            f"{path}: cannot be read: {reason}; give a YAML file or a bundled name"
        ) from error
    if len(content) > _MAX_BYTES:
        raise InvalidInput(f"{path}: larger than {_MAX_BYTES} bytes; not a config")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidInput(
            f"{path}:{line}: byte {content[error.start]:#04x} is not UTF-8 text; "
            "give a YAML file"
        ) from error


def _compose(text: str, source: str) -> Any:
    """Parse to nodes; ``source`` names the text in errors."""
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = error.problem or error.context
        raise _error(
            source, mark.line + 1 if mark else 1, f"not valid YAML: {reason}"
        ) from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise _error(
            source, line, f"character {error.character!r} is not allowed in YAML"
        ) from error
    except RecursionError as error:
        raise _error(source, 1, "nested too deeply") from error


def _error(source: str, line: int, message: str) -> InvalidInput:
    """Name file and line; an override's value has neither, and an empty ``source``."""
    return InvalidInput(f"{source}:{line}: {message}" if source else message)


class _Reader:
    """Builds plain data from nodes and notes the line of each value."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[str, int] = {}
        self._nodes = self._merging = 0

    def build(self, node: yaml.Node, path: tuple[str | int, ...]) -> Any:
        self._nodes += 1
        if len(path) > _MAX_DEPTH or self._nodes > _MAX_NODES:
            raise self._error(node, "nested too deeply, or aliases that grow too large")
        if path:
            self.lines.setdefault(dotted(path), node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        kind = node.tag.removeprefix(_TAG)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._mapping(node, path)
        raise self._error(node, f"tag {node.tag} is not allowed; remove it")

    def _mapping(
        self, node: yaml.MappingNode, path: tuple[str | int, ...]
    ) -> dict[str, Any]:
        data = self._merged(node, path)
        first: dict[str, int] = {}
        for key_node, value in node.value:
            key = self.build(key_node, ())
            line = key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise self._error(key_node, f"key {key!r} must be text; quote it")
            if key in first:
                raise self._error(
                    key_node, f"'{key}' is given twice, first on line {first[key]}"
                )
            first[key] = line
            if not _is_merge_key(key_node):
                self.lines[dotted((*path, key))] = line
                data[key] = self.build(value, (*path, key))
        return data

    def _merged(
        self, node: yaml.MappingNode, path: tuple[str | int, ...]
    ) -> dict[str, Any]:
        """What merge keys bring in, the first of several mappings above the others."""
        given = [value for key, value in node.value if _is_merge_key(key)]
        lists = (v.value if isinstance(v, yaml.SequenceNode) else [v] for v in given)
        data: dict[str, Any] = {}
        self._merging += 1
        for source in reversed([*itertools.chain(*lists)]):
            if not isinstance(source, yaml.MappingNode) or self._merging > _MAX_DEPTH:
                raise self._error(
                    source, "<<: must be a mapping or a list of them, such as *anchor"
                )
            data |= self._mapping(source, path)
        self._merging -= 1
        return data

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind, text = node.tag.removeprefix(_TAG), node.value
        if kind == "str":
            if any("\ud800" <= character <= "\udfff" for character in text):
                raise self._error(node, "half of a surrogate pair is not text")
            return text
        if kind not in _CORE:
            raise self._error(node, f"tag {node.tag} is not allowed; remove it")
        if not re.fullmatch(_CORE[kind], text) or len(text) > _MAX_DIGITS:
            raise self._error(node, f"'{text[:40]}' cannot be read as {kind}")
        return _CONVERT[kind](text)

    def _error(self, node: yaml.Node, message: str) -> InvalidInput:
        return _error(self.source, node.start_mark.line + 1, message)


def _is_merge_key(node: yaml.Node) -> bool:
    """Whether a key is ``<<`` as it stands; quoted it is a text like any other."""
    return isinstance(node, yaml.ScalarNode) and (node.value, node.style) == (
        "<<",
        None,
    )


def _int(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text, base)


def _float(text: str) -> float:
    # Python writes infinity and NaN without YAML's dot.
    word = text.lower().lstrip("+-")
    return float(text.replace(".", "", 1) if word in (".inf", ".nan") else text)


_CONVERT: dict[str, Any] = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": _int,
    "float": _float,
}
