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
import jax.numpy as jnp
import jsonschema
import numpy as np
import pytest
import yaml

import evolife
from evolife import cli, keys
from evolife.base import LifeStatistics
from evolife.config.model import load_config
from evolife.errors import InvalidInput
from evolife.plugins.build import build_run
from evolife.plugins.files import load
from evolife.plugins.kinds import KINDS
from evolife.selection import operator as operators
from evolife.selection.features import FEATURES
from evolife.selection.operator import Architecture
from tests.cli_tools import run_here
from tests.paths import ROOT

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
    if words[0] not in ("train", "meta"):
        assert run(words, plugins)
        return
    out = plugins / f"run-{len(list(plugins.glob('run-*')))}"
    small = SMALL if words[0] == "train" else ("meta_steps=2", "--ranks", "1")
    run([*words, *small, "--out", str(out)], plugins)
    lines = [json.loads(x) for x in (out / "metrics.jsonl").read_text().splitlines()]
    name = {"train": "fitness/best", "meta": "meta/loss"}[words[0]]
    assert len(lines) == 2 and all(math.isfinite(line[name]) for line in lines)
    assert len({line["digest"] for line in lines}) == 2
    kept = {"train": "champions/agent_001.safetensors", "meta": "operator.safetensors"}
    assert (out / kept[words[0]]).is_file()


def test_the_walk_through_trains_with_a_plugin_of_every_kind() -> None:
    runs = [" ".join(w) for w in evolife_commands("CONTRIBUTING.md")]
    files = [block.file for block in blocks("CONTRIBUTING.md") if block.file]
    shown = {Path(file).parent.name for file in files if file.startswith("mine/")}
    assert shown == set(KINDS)
    for used in (
        "train bandit agent='{name: tally",
        "train echo.yaml",
        "train recall wrap='[{blur",
        "train bandit selection='{name: boltzmann",
        "train bandit strategy='{name: gaussian",
        "meta imitate.yaml",
    ):
        assert any(line.startswith(used.replace("'", "")) for line in runs), used


def test_the_code_of_the_walk_through_keeps_the_house_style() -> None:
    code = [block for block in blocks("CONTRIBUTING.md") if block.language == "python"]
    assert [block.file for block in code] == [
        "mine/agents/tally.py",
        "mine/agents/cell.py",
        "mine/envs/echo.py",
        "mine/envs/safe.py",
        "mine/wrappers/blur.py",
        "mine/selections/boltzmann.py",
        "mine/strategies/gaussian.py",
        "mine/estimators/imitate.py",
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


def test_the_wrapper_of_the_walk_through_changes_observations_alone(plugins: Path):
    blur = load("wrappers", "blur", [str(plugins / "mine")])
    inner = load("envs", "bandit")(arms=3)
    world, key = blur(inner, std=0.5), keys.root_key(3)

    def play(world, key):
        state, first = world.reset(key)
        return world.step(state, 1, key)[1], first

    many = jax.random.split(key, 4000)
    after, first = jax.vmap(lambda key: play(world, key))(many)
    offsets = np.concatenate([after.observation, first.observation]).ravel() - 1
    np.testing.assert_allclose(offsets.std(), 0.5, rtol=0.05)
    np.testing.assert_allclose(offsets.mean(), 0, atol=0.03)
    assert set(np.unique(after.reward)) == {0, 1}
    assert "noise" in world.senses and inner.senses in world.senses


def test_the_selection_of_the_walk_through_weighs_as_boltzmann(plugins: Path) -> None:
    cls = load("selections", "boltzmann", [str(plugins / "mine")])
    fitness = np.array([1.0, 4.0, -2.0, 1.0], np.float32)
    weights, _ = cls(temperature=0.5).weights(fitness, None, ())
    np.testing.assert_allclose(weights.sum(), 1, rtol=1e-6)
    ratio = np.exp((4 - 1) / (0.5 * fitness.std()))
    np.testing.assert_allclose(weights[1] / weights[0], ratio, rtol=1e-5)
    equal, _ = cls().weights(np.ones(4, np.float32), None, ())
    np.testing.assert_allclose(equal, 0.25)


def test_the_strategy_of_the_walk_through_finds_an_optimum(plugins: Path) -> None:
    cls = load("strategies", "gaussian", [str(plugins / "mine")])
    best = load("selections", "truncation")(elite_ratio=0.25)
    template = {"x": jnp.zeros(3), "y": jnp.zeros(2)}
    strategy = cls(64, template, best, sigma=0.1)
    assert strategy.name == "gaussian" and strategy.member_size == 5
    state = strategy.init(keys.root_key(4), lambda key: template)

    def distance(genome):
        return jnp.sum((genome["x"] - 1) ** 2) + jnp.sum((genome["y"] + 1) ** 2)

    def generation(state, number):
        proposal = strategy.ask(state, number)
        members = jax.vmap(lambda i: strategy.member(proposal, i))(jnp.arange(64))
        fitness = -jax.vmap(distance)(members)
        lives = LifeStatistics(fitness, fitness, fitness)
        after = strategy.tell(state, proposal, number, fitness, lives)
        return after, fitness.mean()

    state, mean = jax.lax.scan(generation, state, jnp.arange(60))
    assert distance(strategy.centre(state)) < 0.05
    # K mutants of 5 numbers stand sigma off in each: 5 sigma^2 is what is left.
    np.testing.assert_allclose(-mean[-20:].mean(), 5 * 0.1**2, rtol=0.3)


def test_the_strategy_of_the_walk_through_is_written_out_with_defaults(
    plugins: Path,
) -> None:
    mine, gaussian = [str(plugins / "mine")], "strategy={name: gaussian}"
    built = build_run(
        load_config("bandit", [gaussian, "selection={name: native}"], mine)
    )
    assert built.config.strategy.settings == {"sigma": 0.05}
    assert built.config.selection.name == "native"
    weighs = built.experiment.strategy.selection
    assert weighs == load("selections", "truncation")()
    own = ["strategy={name: gaussian, sigma: 2}", "selection={name: boltzmann}"]
    built = build_run(load_config("bandit", own, mine))
    assert built.experiment.strategy.sigma == 2
    assert built.config.selection.settings == {"temperature": 1.0}
    with pytest.raises(InvalidInput, match=r"strategy\.sigma = 0: must be .* above 0"):
        build_run(load_config("bandit", ["strategy={name: gaussian, sigma: 0}"], mine))


def test_the_schema_knows_the_plugins_of_the_walk_through(plugins: Path) -> None:
    given = {
        "agent": {"name": "tally", "start": 3},
        "env": {"name": "safe", "digits": 4},
        "wrap": [{"blur": 0.2}],
        "selection": {"name": "boltzmann", "temperature": 2.0},
        "strategy": {"name": "gaussian", "sigma": 0.1},
    }
    config = yaml.safe_load((ROOT / "launch/configs/bandit.yaml").read_text()) | given
    config.pop("control")
    schema = evolife.schema(plugins / "mine")
    jsonschema.validate(config, schema)
    for wrong in (
        {"selection": {"name": "boltzmann", "heat": 1}},
        {"wrap": [{"b": 1}]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(config | wrong, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(config, evolife.schema())


def test_the_estimator_of_the_walk_through_comes_nearer(plugins: Path) -> None:
    cls = load("estimators", "imitate", [str(plugins / "mine")])
    shape = Architecture(len(FEATURES), 4, 1, True)
    route = cls(members=6, populations=8, architecture=shape)
    operator, key = operators.init(keys.root_key(5), shape), keys.root_key(6)

    @jax.jit
    def step(operator, key):
        slope, _, told = route.gradient(0, operator, (), key)
        return jax.tree.map(lambda x, g: x - 2.0 * g, operator, slope), told["loss"]

    operator, first = step(operator, key)
    for _ in range(40):
        operator, last = step(operator, key)
    assert last < 0.5 * first


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
