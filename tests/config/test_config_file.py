"""YAML files: the core schema of 1.2, round trips, refusals with line numbers."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolife.config.yaml_file import dump_yaml, parse_value, read_yaml
from evolife.errors import InvalidInput

pytestmark = pytest.mark.fast


def write(tmp_path: Path, text: str, name: str = "run.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        read_yaml(path)
    return str(caught.value)


SCALARS = [
    ("1e-3", 1e-3),
    ("1.", 1.0),
    (".5", 0.5),
    ("+12", 12),
    ("-7", -7),
    ("012", 12),
    ("0o17", 15),
    ("0x1F", 31),
    ("1_000", "1_000"),
    ("12:30:45", "12:30:45"),
    ("on", "on"),
    ("yes", "yes"),
    ("No", "No"),
    ("y", "y"),
    ("true", True),
    ("FALSE", False),
    ("tRue", "tRue"),
    ("null", None),
    ("~", None),
    ("", None),
    (".inf", math.inf),
    ("-.INF", -math.inf),
    ("inf", "inf"),
    ("nan", "nan"),
    ("2026-01-01", "2026-01-01"),
    ("0b11", "0b11"),
    ("'3'", "3"),
    ('"true"', "true"),
    ("[1, 1e3, on]", [1, 1000.0, "on"]),
    ("{a: {b: 0o7}}", {"a": {"b": 7}}),
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_values_follow_the_core_schema_of_yaml_1_2(
    tmp_path: Path, text: str, value: Any
) -> None:
    inside = read_yaml(write(tmp_path, f"key: {text}\n")).data["key"]
    for read in (parse_value(text), inside):
        assert (type(read), read) == (type(value), value)
    written = write(tmp_path, dump_yaml({"key": value}), "again.yaml")
    again = read_yaml(written).data["key"]
    assert (type(again), again) == (type(value), value)


def test_not_a_number_is_read_as_a_float() -> None:
    assert math.isnan(parse_value(".nan"))


def test_an_override_is_one_plain_scalar_unless_it_opens_a_bracket() -> None:
    assert parse_value("a: b # no comment") == "a: b # no comment"
    assert parse_value("!!int 3") == "!!int 3"


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text("abné:-#'", min_size=1), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.dictionaries(st.text("kyonfr", min_size=1), plain, min_size=1))
def test_what_is_dumped_reads_back(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("dump") / "data.yaml"
    path.write_text(dump_yaml(data), encoding="utf-8")
    again = read_yaml(path).data
    assert repr(again) == repr(data)
    assert list(again) == list(data)


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    text = "name: a\nenv: {name: oven, arms: 3}\nagent:\n  hidden:\n    - 3\n    - 4"
    document = read_yaml(write(tmp_path, text))
    assert document.lines == {
        "name": 1,
        "env": 2,
        "env.name": 2,
        "env.arms": 2,
        "agent": 3,
        "agent.hidden": 4,
        "agent.hidden.0": 5,
        "agent.hidden.1": 6,
    }


BAD_FILES = [
    (b"", "{path}: is empty"),
    (b"# nothing\n", "{path}: is empty"),
    (b"- 1\n", "{path}:1: must hold a mapping"),
    (b"\njust text\n", "{path}:2: must hold a mapping"),
    (b"a: 1\nb: [1,\n", "{path}:3: not valid YAML"),
    (b"a: 1\n\tb: 2\n", "{path}:2: not valid YAML"),
    (b"a: 1\n---\nb: 2\n", "{path}:2: not valid YAML"),
    (b"a: 1\nb: \xff\n", "{path}:2: byte 0xff is not UTF-8"),
    (b"a: 1\nb: \x01\n", "{path}:2: character"),
    (b"a: 1\nb: 2\na: 3\n", "{path}:3: 'a' is given twice, first on line 1"),
    (b"a: 1\n3: 2\n", "{path}:2: key 3 must be text"),
    (b"a: 1\n? [x]\n: 2\n", "{path}:2: key ['x'] must be text"),
    (b"a: !!python/object:os.system x\n", "{path}:1: tag"),
    (b"a: !!set {x}\n", "{path}:1: tag"),
    (b"a: !!int x\n", "{path}:1: 'x' cannot be read as int"),
    (b"a: 1" + b"0" * 5000, "{path}:1: '1000"),
    (b"a: &x [*x]\n", "{path}:1: nested too deeply"),
    (b"a: " + b"[" * 5000, "{path}:1: n"),
    (b'a: "\\ud800"\n', "{path}:1: half of a surrogate"),
    (b"a: *nowhere\n", "{path}:1: not valid YAML"),
    (b"a: " + b"x" * 1_000_001, "{path}: larger than"),
]


@pytest.mark.parametrize(("content", "message"), BAD_FILES)
def test_a_bad_file_is_refused_with_its_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    assert refusal(path).startswith(message.format(path=path))


def test_aliases_that_grow_are_refused(tmp_path: Path) -> None:
    rows = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    path = write(tmp_path, "\n".join(rows))
    assert "aliases that grow too large" in refusal(path)
