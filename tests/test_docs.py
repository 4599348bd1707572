import argparse
import ast
import importlib
import json
import math
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path
from typing import NamedTuple

import jax
import pytest
import yaml

import evolife
from evolife import cli, keys
from evolife.config.model import load_config
from evolife.plugins.files import load
from tests.cli_tools import run_here

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*) *(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUICK = ("list", "describe", "doctor", "schema")
SMALL = (
    "population={size: 64, tile: 16}",
    "best_of_k.lives=16",
    "generations=2",
    "--ranks",
    "1",
)


class Block(NamedTuple):
    language: str
    file: str
    text: str


def blocks(page: str) -> list[Block]:
    return [Block(*found) for found in FENCE.findall((ROOT / page).read_text())]


def evolife_commands(page: str) -> list[list[str]]:
    lines = [
        shlex.split(line, comments=True)
        for block in blocks(page)
        if block.language in ("sh", "console")
        for line in block.text.splitlines()
    ]
    return [
        words[words.index("evolife") + 1 :] for words in lines if "evolife" in words
    ]


def run(words: list[str], folder: Path) -> str:
    done = run_here(*words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("author")
    for block in blocks("CONTRIBUTING.md"):
        if block.file:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_exist(page: Path) -> None:
    targets = [link.partition("#")[0] for link in LINK.findall(page.read_text())]
    local = [link for link in targets if link and not link.startswith("https://")]
    missing = [link for link in local if not (page.parent / link).exists()]
    assert missing == []
    assert page.name != "README.md" or "docs/images/demo.png" in local


def test_the_config_in_the_readme_is_the_bundled_one() -> None:
    shown = {block.file: block.text for block in blocks("README.md") if block.file}
    assert list(shown) == ["launch/configs/bandit.yaml"]
    assert all(text == (ROOT / file).read_text() for file, text in shown.items())


def test_the_readme_explains_every_key_of_its_config() -> None:
    config = yaml.safe_load((ROOT / "launch/configs/bandit.yaml").read_text())
    explained = re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), re.M)
    assert set(config) - {"name"} <= set(explained)


@pytest.mark.parametrize(
    "words", [w for w in evolife_commands("README.md") if w[0] in QUICK], ids=" ".join
)
def test_quick_commands_of_the_readme_run(words: list[str], tmp_path: Path) -> None:
    assert run(words, tmp_path)


@pytest.mark.parametrize("words", evolife_commands("README.md"), ids=" ".join)
def test_commands_of_the_readme_are_well_formed(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[argparse.Namespace] = []
    command = importlib.import_module(f"evolife.commands.{words[0]}")
    monkeypatch.setattr(command, "run", lambda parsed: asked.append(parsed) or 0)
    assert cli.main(words) == 0
    if words[0] == "train" and not asked[0].resume:
        load_config(asked[0].config, asked[0].overrides)


def test_the_readme_shows_every_kind_of_command() -> None:
    shown = {words[0] for words in evolife_commands("README.md")}
    assert shown == {
        *("train", "evaluate", "meta", "list", "describe", "doctor"),
        *("sweep", "report", "watch"),
    }


@pytest.mark.parametrize(
    "words", evolife_commands("CONTRIBUTING.md"), ids=lambda words: " ".join(words[:3])
)
def test_commands_of_the_walk_through_run(words: list[str], plugins: Path) -> None:
    if words[0] != "train":
        assert run(words, plugins)
        return
    out = plugins / f"run-{len(list(plugins.glob('run-*')))}"
    run([*words, *SMALL, "--out", str(out)], plugins)
    lines = [json.loads(x) for x in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["generation"] for line in lines] == [1, 2]
    assert all(math.isfinite(line["fitness/best"]) for line in lines)
    assert len({line["digest"] for line in lines}) == 2
    assert (out / "champions/agent_001.safetensors").is_file()


def test_the_walk_through_trains_an_agent_and_an_environment() -> None:
    trained = [w[1] for w in evolife_commands("CONTRIBUTING.md") if w[0] == "train"]
    assert trained == ["bandit", "echo.yaml"]


def test_the_code_of_the_walk_through_keeps_the_house_style() -> None:
    code = [block for block in blocks("CONTRIBUTING.md") if block.language == "python"]
    assert [block.file for block in code] == [
        "mine/agents/tally.py",
        "mine/agents/cell.py",
        "mine/envs/echo.py",
        "mine/envs/safe.py",
    ]
    for block in code:
        name = block.file.removeprefix("mine/")
        for check in (["check"], ["format", "--diff"]):
            command = [
                sys.executable,
                "-m",
                "ruff",
                *check,
                "--stdin-filename",
                name,
                "-",
            ]
            subprocess.run(command, input=block.text, cwd=ROOT, text=True, check=True)


def test_the_recall_of_the_walk_through_pays_what_it_says(plugins: Path) -> None:
    world = load("envs", "echo", [str(plugins / "mine")])(cues=3, delay=4)
    steps = 23

    def play(answer):
        def step(state, key):
            state, timestep = world.step(state, answer(state), key)
            return state, timestep.reward

        state, _ = world.reset(keys.root_key(1))
        return jax.lax.scan(step, state, jax.random.split(keys.root_key(2), steps))[1]

    right = play(lambda state: state.cue)
    assert right.sum() == world.optimum(steps) == 4
    assert right.nonzero()[0].tolist() == [4, 9, 14, 19]
    assert play(lambda state: (state.cue + 1) % 3).sum() == 0


def test_the_safe_of_the_walk_through_is_over_when_it_is_open(plugins: Path) -> None:
    world = load("envs", "safe", [str(plugins / "mine")])(digits=4)
    state, _ = world.reset(keys.root_key(1))
    right, tries = int(state.digit), 0
    for digit in [*range(4), right]:
        was_over = bool(world.over(state))
        state, sensed = world.step(state, digit, keys.root_key(2))
        assert sensed.reward == (digit == right and not was_over)
        tries += not was_over
    assert world.over(state)
    assert world.statistics(state) == {"tries": tries, "opened": True}
    assert tries == right + 1
    marks: list[tuple] = []
    pen = types.SimpleNamespace(disc=lambda *mark: marks.append(mark))
    world.draw(pen, jax.device_get(state), right)
    assert len(marks) == 5 and marks[right][0] == marks[right + 1][0]


def test_links_into_pages_meet_their_headings() -> None:
    for page in PAGES:
        for link in LINK.findall(page.read_text()):
            target, _, heading = link.partition("#")
            if not heading or link.startswith("https://"):
                continue
            text = ((page.parent / target) if target else page).read_text()
            titles = re.findall(r"^#+ (.*)$", text, re.M)
            slugs = [
                re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in titles
            ]
            assert heading in slugs, f"{page.name}: {link}"


def test_every_module_says_what_it_is() -> None:
    folders = [ROOT / name for name in ("evolife", "agents", "envs", "launch")]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    assert len(files) > 40
    mute = [p for p in files if not ast.get_docstring(ast.parse(p.read_text()))]
    assert mute == []


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == evolife.__version__
    assert {"message", "title", "authors"} <= set(citation)
    assert evolife.__version__ in (ROOT / "CHANGELOG.md").read_text()
