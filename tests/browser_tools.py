"""A headless browser for tests that look at pages, or the reason why there is none."""

import os
import shutil
import subprocess
import sys

import pytest

_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium: this machine's, or one that playwright brings."""
    library = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install .[dev]"
    )
    with library.sync_playwright() as playwright:
        opened, told = _opened(playwright, library.Error)
        if opened is None:
            install = [sys.executable, "-m", "playwright", "install", "chromium"]
            subprocess.run(install, capture_output=True, timeout=240, check=False)
            opened, told = _opened(playwright, library.Error)
        if opened is None:
            pytest.skip(f"no Chromium can be started here: {told}")
        yield opened
        opened.close()


def _opened(playwright, failure):
    """A browser, or None and why the last one could not be started."""
    told = "none is installed"
    paths = [None, *filter(None, map(shutil.which, _BROWSERS))]
    for path in paths:
        sandbox = [] if os.getuid() else ["--no-sandbox"]
        try:
            return playwright.chromium.launch(executable_path=path, args=sandbox), ""
        except failure as error:
            told = str(error).strip().splitlines()[0]
    return None, told
