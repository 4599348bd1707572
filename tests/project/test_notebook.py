"""``docs/python.ipynb`` runs from a clean kernel, and what it shows is what it said.

``python -m tests.project.test_notebook`` executes it anew and stores what it shows.
"""

import hashlib
import os
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.paths import ROOT

pytestmark = pytest.mark.slow

NOTEBOOK = ROOT / "docs" / "python.ipynb"
MOST_BYTES = 400_000
SEAL = "sources_sha256"
"""Key of the metadata: of the cells as they were when they were executed."""


def executed(folder):
    """The notebook, executed by a kernel of its own in an empty folder."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in code(notebook):
        cell.outputs, cell.execution_count = [], None
    before = dict(os.environ)
    # The kernel is this Python, and finds the evolife that is tested here.
    os.environ["PYTHONPATH"] = str(ROOT)
    os.environ.setdefault("EVOLIFE_CACHE", str(Path(tempfile.gettempdir()) / "evolife"))
    resources = {"metadata": {"path": str(folder)}}
    try:
        NotebookClient(
            notebook, timeout=300, kernel_name="python3", resources=resources
        ).execute()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return notebook


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def seal(notebook):
    text = "\0".join(cell.cell_type + cell.source for cell in notebook.cells)
    return hashlib.sha256(text.encode()).hexdigest()


def kinds(cell):
    """What a cell shows: text, tables, pictures."""
    return [sorted(output.get("data", {"stream": None})) for output in cell.outputs]


def text(cell):
    said = [output.get("text", "") for output in cell.outputs]
    return "".join(said)


@pytest.fixture(scope="module")
def stored():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def anew(tmp_path_factory):
    return executed(tmp_path_factory.mktemp("notebook"))


def test_the_stored_notebook_is_whole_and_small(stored):
    nbformat.validate(stored)
    assert NOTEBOOK.stat().st_size < MOST_BYTES
    counts = [cell.execution_count for cell in code(stored)]
    assert counts == list(range(1, len(counts) + 1))
    shown = [output for cell in code(stored) for output in cell.outputs]
    assert not [output for output in shown if output.output_type == "error"]
    assert not [output for output in shown if output.get("name") == "stderr"]


def test_what_is_stored_was_shown_by_these_very_cells(stored):
    assert stored.metadata["evolife"][SEAL] == seal(stored), (
        f"cells changed since they were executed; run: python -m {__name__}"
    )


def test_no_cell_fails_and_each_shows_what_is_stored(anew, stored):
    """The kernel raises where a cell fails; pictures and tables are those of before."""
    assert [cell.source for cell in anew.cells] == [c.source for c in stored.cells]
    for now, before in zip(code(anew), code(stored), strict=True):
        assert kinds(now) == kinds(before), now.source
        said = [one for one in now.outputs if one.output_type == "error"]
        assert not said and "Warning" not in text(now)
    pictures = [
        kind for cell in code(anew) for kind in kinds(cell) if "image/png" in kind
    ]
    assert len(pictures) >= 2


def test_the_notebook_uses_the_functions_it_is_about(stored):
    source = "\n".join(cell.source for cell in code(stored))
    for name in (
        "train(",
        "evolve(",
        "load(",
        "sweep(",
        ".act(",
        ".live(",
        ".metrics",
        ".table",
    ):
        assert name in source


def store():
    """Execute the notebook and write what it shows."""
    with tempfile.TemporaryDirectory() as folder:
        notebook = executed(folder)
    notebook.metadata["evolife"] = {SEAL: seal(notebook)}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    nbformat.write(notebook, NOTEBOOK)
    return 0


if __name__ == "__main__":
    sys.exit(store())
