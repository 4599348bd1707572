"""Plug-in files: found by name, refused with file and line."""

import re
import sys
from pathlib import Path

import pytest

import evolife
from evolife.errors import InvalidInput
from evolife.plugins import registry
from evolife.plugins.files import Plugin, summary

HEAD = "import dataclasses\nfrom evolife.base import Agent\n"
MARK = "@dataclasses.dataclass(frozen=True)\n"
ONE = "class {0}(Agent):\n    init_genome = init_state = step = print\n"
HABIT = HEAD + MARK + ONE.format("Habit")


def plugin(folder: Path, name: str, text: str, kind: str = "agents") -> Path:
    path = folder / kind / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_summaries_are_read_without_importing(tmp_path: Path) -> None:
    path = plugin(tmp_path, "broken", '"""Never runs."""\nraise SystemExit(3)\n')
    assert summary(Plugin(path)) == "Never runs."
    path.write_text("def x(:\n")
    with pytest.raises(InvalidInput, match=f"^{re.escape(str(path))}:1: .*SyntaxError"):
        summary(Plugin(path))


BAD_FILES = [
    ("x = 1\n", "needs one public subclass of evolife.base.Agent, has none"),
    (HEAD + MARK + ONE.format("_Hidden"), "has none"),
    (HEAD + MARK + ONE.format("A") + MARK + ONE.format("B"), "has A, B; start helpers"),
    (HEAD + "class A(Agent):\n    init_state = step = print\n", "A lacks init_genome"),
    (HEAD + ONE.format("A"), "A is not a dataclass; decorate it"),
    ("x = 1\ndef f(:\n", ":2: agent 'habit': SyntaxError"),
    ("x = 1\n\nx / 0\n", ":3: agent 'habit': ZeroDivisionError: division by zero"),
    ("import sys\nsys.exit(4)\n", ":2: agent 'habit': SystemExit: 4"),
    ("import evolife.nope\n", "ModuleNotFoundError: No module named 'evolife.nope'"),
    (
        "import nope_nope\n",
        ":1: agent 'habit': needs the module 'nope_nope', which is missing: it is "
        "neither installed nor beside the plug-in",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD_FILES)
def test_a_bad_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = plugin(tmp_path, "habit", text)
    for _ in range(2):  # a failed import must not count as done
        with pytest.raises(InvalidInput) as caught:
            registry.load("agents", "habit", (str(tmp_path),))
        assert str(caught.value).startswith(str(path))
        assert message in str(caught.value)


def test_a_name_taken_twice_names_both_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    files = [plugin(folder, "habit", HABIT) for folder in (one, two)]
    with pytest.raises(InvalidInput, match="two files claim this name") as caught:
        registry.load("agents", "habit", (str(one), str(two)))
    assert all(str(file) in str(caught.value) for file in files)
    assert registry.load("agents", "habit", (str(one), f"{one}/../one"))
    plugin(one, "gru", HABIT)
    with pytest.raises(InvalidInput, match="two files claim this name"):
        registry.load("agents", "gru", (str(one),))
    assert registry.load("agents", "lstm", (str(one), str(two)))


def test_a_folder_without_plugins_is_refused(tmp_path: Path) -> None:
    refusals = {
        tmp_path: "holds none of the folders that plug-ins are in: agents/, envs/",
        tmp_path / "none": "no folder",
    }
    for folder, message in refusals.items():
        with pytest.raises(InvalidInput, match=message):
            registry.names("agents", (str(folder),))
    plugin(tmp_path, "habit", HABIT)
    assert set(registry.names("envs", (str(tmp_path),))) == set(registry.names("envs"))


def test_installed_packages_offer_plugins_by_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "habit_package.py").write_text(HABIT)
    info = tmp_path / "habit_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: habits\nVersion: 1\n")
    entries = info / "entry_points.txt"
    entries.write_text("[evolife.agents]\nroutine = habit_package\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert registry.find("agents")["routine"].path == tmp_path / "habit_package.py"
    assert registry.load("agents", "routine").__name__ == "Habit"
    entries.write_text("[evolife.agents]\nroutine = gone_package\n")
    with pytest.raises(InvalidInput, match="entry point gone_package of habits"):
        registry.load("agents", "routine")
    assert registry.load("agents", "gru")
    rows = {row["name"]: row for row in evolife.catalogue("agents")["agents"]}
    assert "repair or uninstall habits" in rows["routine"]["broken"]
    assert "broken" not in rows["gru"]


def test_a_missing_optional_package_names_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "gymnax", None)
    monkeypatch.delitem(sys.modules, "evolife.envs.gymnax", raising=False)
    with pytest.raises(InvalidInput, match=r"'gymnax'.*pip install 'evolife\[envs\]'"):
        registry.load("envs", "gymnax")


WAYS = [
    "from layers import WIDTH",
    "import layers; WIDTH = layers.WIDTH",
    "from .layers import WIDTH",
    "from . import layers; WIDTH = layers.WIDTH",
    "from below import WIDTH",
    "from ..below import WIDTH",
    "from package.inner import WIDTH",
    "from ..package.inner import WIDTH",
]


@pytest.mark.parametrize("way", WAYS)
def test_a_plugin_imports_what_lies_beside_it(tmp_path: Path, way: str) -> None:
    """Two folders have files of the same names; each plug-in finds its own."""
    for width in (3, 4):
        folder = tmp_path / f"folder{width}"
        plugin(folder, "layers", f"WIDTH = {width}\n")
        (folder / "below.py").write_text("import layers\nWIDTH = layers.WIDTH\n")
        (folder / "package").mkdir()
        (folder / "package/__init__.py").write_text("")
        (folder / "package/inner.py").write_text(f"WIDTH = {width}\n")
        plugin(folder, "habit", f"{way}\n{HABIT}    width = WIDTH\n")
        if way == "from ..below import WIDTH":
            (folder / "below.py").write_text(f"WIDTH = {width}\n")
    for width in (3, 4, 3):
        found = registry.load("agents", "habit", (str(tmp_path / f"folder{width}"),))
        assert found.width == width


def test_what_python_finds_itself_is_not_shadowed(tmp_path: Path) -> None:
    """An agent may be called as a module of Python's library that others import."""
    plugin(tmp_path, "colorsys", "raise SystemExit(3)\n")
    plugin(tmp_path, "habit", f"import colorsys; colorsys.hsv_to_rgb\n{HABIT}")
    sys.modules.pop("colorsys", None)
    assert registry.load("agents", "habit", (str(tmp_path),)).__name__ == "Habit"


def test_a_fault_beside_a_plugin_is_named_where_it_is(tmp_path: Path) -> None:
    helper = plugin(tmp_path, "layers", "x = 1\nimport nope_nope\n")
    path = plugin(tmp_path, "habit", f"import layers\n{HABIT}")
    for _ in range(2):
        with pytest.raises(InvalidInput) as caught:
            registry.load("agents", "habit", (str(tmp_path),))
        assert str(caught.value).startswith(f"{helper}:2: agent 'habit': ")
    helper.write_text("x = 1\n")
    assert registry.load("agents", "habit", (str(tmp_path),)).__name__ == "Habit"
    assert path.exists()
