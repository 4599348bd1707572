"""The map leads to files that exist and hold what it says, and to every room."""

import ast
import re
from pathlib import Path

import pytest

from tests.paths import ROOT

ROW = re.compile(r"^\| (.+\?) \| \[(.+)\]\(\.\./(.+)\) \| `(\w+)` \|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs" / "map.md").read_text(encoding="utf-8"))


def test_it_answers_thirty_questions_each_with_a_file_of_its_own():
    questions, shown, paths, _ = zip(*ROWS, strict=True)
    assert shown == paths
    assert len(set(questions)) == len(set(paths)) == 30


@pytest.mark.parametrize("path, name", [row[2:] for row in ROWS])
def test_every_file_exists_and_defines_what_to_look_for(path, name):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    kinds = ast.ClassDef, ast.FunctionDef
    assert name in [node.name for node in tree.body if isinstance(node, kinds)]


@pytest.mark.parametrize("question, path", [(row[0], row[2]) for row in ROWS])
def test_no_question_gives_its_file_away(question, path):
    assert Path(path).stem not in re.findall(r"\w+", question.lower())


def test_it_leads_into_every_room():
    packages = [file.parent for file in (ROOT / "evolife").glob("*/__init__.py")]
    rooms = {package.resolve().relative_to(ROOT.resolve()) for package in packages}
    assert Path("agents") in rooms and Path("evolife/engine") in rooms
    rooms -= {Path("launch")}  # Data only.
    reached = {parent for row in ROWS for parent in Path(row[2]).parents}
    assert rooms - reached == set()
