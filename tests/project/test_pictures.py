"""The pictures of the docs can be made anew, and show nothing of who made them."""

import importlib.util
import json
import re
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from tests.paths import ROOT

IMAGES = ROOT / "docs" / "images"
ABSOLUTE = re.compile(r"(?<![\w:/.])(/\w|~/|[A-Za-z]:\\)")


@pytest.fixture(scope="module")
def script():
    """The script that takes TensorBoard's pictures."""
    pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install .[dev]"
    )
    spec = importlib.util.spec_from_file_location("shots", IMAGES / "tensorboard.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tensorboard_shows_no_path_of_the_machine(script, tmp_path):
    (tmp_path / script.LOGDIR).mkdir()
    with (
        script.served(str(tmp_path)) as site,
        urllib.request.urlopen(f"{site}/data/environment", timeout=60) as answer,
    ):
        assert json.load(answer)["data_location"] == script.LOGDIR
    assert not Path(script.LOGDIR).is_absolute()


def test_every_picture_of_the_dashboard_is_taken(script):
    page = (IMAGES.parent / "dashboard.md").read_text()
    shown = re.findall(r"images/tensorboard-([\w-]+)\.png", page)
    files = [path.stem.partition("-")[2] for path in IMAGES.glob("tensorboard-*.png")]
    assert sorted(shown) == sorted(script.SHOTS) == sorted(files)


@pytest.mark.parametrize("path", sorted(IMAGES.glob("*.png")), ids=lambda p: p.name)
def test_no_picture_carries_a_path(path):
    with Image.open(path) as picture:
        picture.load()
        told = [value for value in picture.info.values() if isinstance(value, str)]
    assert not [text for text in told if ABSOLUTE.search(text)]
    assert ABSOLUTE.search("made in /home/me") and not ABSOLUTE.search("https://a.b/c")
