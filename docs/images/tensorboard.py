"""Take the pictures of docs/dashboard.md anew, in a scratch folder.

Trains three small runs, starts TensorBoard beside them with a relative ``--logdir``,
which it shows as it was given, and looks at its tabs with playwright's Chromium:
``python docs/images/tensorboard.py [CHROMIUM]``, in a few minutes.
"""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from playwright.sync_api import Page, sync_playwright

_TARGET = Path(__file__).parent
LOGDIR = "runs"
_TRAIN = (
    *("train", "oven", "env.delay=10", "lifetime.steps=200", "lifetime.lives=8"),
    *("generations=100", "record.film_every=50", "checkpoint.every=50"),
    *("control=null", "record.hparams=[agent.hidden, population.size, seed]"),
    *("--ranks", "1"),
)
_MEMORYLESS = "agent={name: reflex, hidden: [32], sample: true}"
_RUNS = {
    "hidden-8": ("agent.hidden=8", "population.size=64", "seed=0"),
    "hidden-16": ("agent.hidden=16", "population.size=128", "seed=1"),
    "memoryless": (_MEMORYLESS, "population.size=64", "seed=2"),
}


class _Shot(NamedTuple):
    """A picture of one tab."""

    tab: str
    """What the address ends in."""
    awaited: str
    """Words that can be seen once the tab is drawn."""
    size: tuple[int, int]
    """Width and height of the window."""
    clicked: str = ""
    """What is clicked then."""


SHOTS = {
    "scalars": _Shot(
        "scalars&tagFilter=fitness%2F(best%7Cmedian)",
        "by_env_steps/fitness/median",
        (1300, 760),
    ),
    "custom-scalars": _Shot(
        "custom_scalars", "life of the best champion", (1300, 1500)
    ),
    "images": _Shot(
        "images&tagFilter=film",
        "champion/film",
        (1300, 760),
        "tf-image-loader img",
    ),
    "hparams": _Shot("hparams", "champion/held_out", (2100, 640)),
}


def main() -> None:
    """Train, look, write ``tensorboard-*.png`` beside this file."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, words in _RUNS.items():
            out = f"{LOGDIR}/{name}"
            command = [sys.executable, "-m", "evolife", *_TRAIN, *words, "--out", out]
            subprocess.run(command, cwd=scratch, check=True)
        look(scratch, *sys.argv[1:])


def look(scratch: str, chromium: str | None = None) -> None:
    """Take the pictures of the runs in ``scratch``."""
    with served(scratch) as address, sync_playwright() as playwright:
        words = [] if os.getuid() else ["--no-sandbox"]
        browser = playwright.chromium.launch(executable_path=chromium, args=words)
        for name, shot in SHOTS.items():
            width, height = shot.size
            page = browser.new_page(viewport={"width": width, "height": height})
            _take(page, address, shot, _TARGET / f"tensorboard-{name}.png")
            page.close()


@contextlib.contextmanager
def served(scratch: str) -> Iterator[str]:
    """The address of a TensorBoard that serves the runs in ``scratch``."""
    words = ["--logdir", LOGDIR, "--host", "127.0.0.1", "--port", "0"]
    command = [sys.executable, "-m", "tensorboard.main", *words, "--load_fast=false"]
    with subprocess.Popen(
        command, cwd=scratch, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr
        found = (re.search(r"(http://127\.0\.0\.1:\d+)/", s) for s in server.stderr)
        yield next(match.group(1) for match in found if match)
        server.terminate()


def _take(page: Page, address: str, shot: _Shot, target: Path) -> None:
    page.goto(f"{address}/#{shot.tab}")
    page.get_by_text(shot.awaited).locator("visible=true").first.wait_for()
    if shot.clicked:
        page.locator(shot.clicked).locator("visible=true").first.click()
    page.wait_for_timeout(4000)
    page.screenshot(path=target)
    # Few colours: a quarter of the bytes.
    with Image.open(target) as picture:
        few = picture.convert("RGB").quantize(128)
    few.save(target, optimize=True)


if __name__ == "__main__":
    main()
