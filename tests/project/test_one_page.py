"""The page that holds the whole algorithm finds what the engine finds."""

import ast
import importlib.util
import inspect
import itertools
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from evolife.config.model import load_config
from evolife.engine.evolution import begin, evolve
from evolife.engine.tournament import hold
from evolife.plugins.build import build_run
from evolife.ranks.mpi import Serial
from tests.paths import ROOT

PAGE = ROOT / "docs" / "one_page.py"
GENERATIONS, KEEP, CHAMPION_LIVES = 3, 2, 32
# Of few arms, the random words come from one hash, of more from one hash each.
CASES = (
    {"seed": 0, "arms": 5, "hidden": 8, "pulls": 10, "lives": 8, "size": 32},
    {"seed": 7, "arms": 3, "hidden": 5, "pulls": 6, "lives": 5, "size": 18},
)


def load_page():
    spec = importlib.util.spec_from_file_location("one_page", PAGE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


page = load_page()


def experiment_of(seed, arms, hidden, pulls, lives, size):
    config = (
        *(f"seed={seed}", f"env={{name: bandit, arms: {arms}, pulls: {pulls}}}"),
        *(f"agent.hidden={hidden}", f"lifetime.steps={pulls}"),
        *(f"lifetime.lives={lives}", f"population={{size: {size}, tile: 6}}"),
        *(f"generations={GENERATIONS}", "control=null"),
        f"best_of_k={{keep: {KEEP}, lives: {CHAMPION_LIVES}}}",
    )
    return build_run(load_config("bandit", config)).experiment


def run_page(seed, arms, hidden, **settings):
    run = page.evolve(seed, page.newborn(seed, arms, hidden), **settings)
    return list(itertools.islice(run, GENERATIONS))


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case['arms']} arms")
def case(request):
    return request.param


@pytest.fixture(scope="module")
def experiment(case):
    return experiment_of(**case)


@pytest.fixture(scope="module")
def engine(experiment):
    return list(evolve(experiment, begin(experiment), 0, Serial(), pytest.fail))


@pytest.fixture(scope="module")
def told(case):
    return run_page(**case)


def test_every_member_has_the_fitness_that_the_engine_measures(case, engine, told):
    for step, (fitness, _, _) in zip(engine, told, strict=True):
        assert fitness.shape == (case["size"],)
        assert len(np.unique(fitness)) > 2
        np.testing.assert_allclose(fitness, step.evaluation.fitness, rtol=0, atol=1e-5)


def test_the_centre_moves_as_that_of_the_engine(engine, told):
    before = None
    for step, (_, _, centre) in zip(engine, told, strict=True):
        ours = np.concatenate([x.ravel() for x in jax.tree.leaves(centre)])
        theirs = jax.tree.leaves(step.progress.strategy.mean)
        theirs = np.concatenate([x.ravel() for x in theirs])
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
        assert before is None or np.abs(ours - before).max() > 0.01
        before = ours


def test_the_champions_are_those_of_the_engine(case, experiment, engine, told):
    champions = hold(experiment, engine[-1].progress.archive, Serial())
    candidates = [best for _, best, _ in told] + [told[-1][2]]
    pulls = case["pulls"]
    ours = page.best_of_k(case["seed"], candidates, KEEP, CHAMPION_LIVES, pulls)
    assert len(ours) == len(champions) == KEEP
    for champion, (number, score, returns) in zip(champions, ours, strict=True):
        last = champion.source == "centre"
        assert number == champion.generation - (not last)
        assert score == pytest.approx(champion.validated)
        np.testing.assert_array_equal(returns, champion.returns)


def test_its_settings_are_those_of_the_bundled_config():
    config = load_config("bandit")
    known = {
        **config.env.settings,
        **config.agent.settings,
        **config.strategy.settings,
        "size": config.population.size,
        "keep": config.best_of_k.keep,
    }
    assert config.lifetime.steps == known["pulls"]
    assert config.lifetime.same_lives and known["sample"]
    for function, lives in (
        (page.newborn, None),
        (page.evolve, config.lifetime.lives),
        (page.best_of_k, config.best_of_k.lives),
    ):
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.default is not inspect.Parameter.empty:
                assert parameter.default == (known | {"lives": lives})[name]


def test_it_is_one_page_that_needs_nothing_of_evolife():
    text = PAGE.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level
            imported.add(node.module.split(".")[0])
    assert imported - sys.stdlib_module_names == {"jax", "numpy"}


def test_it_runs_and_finds_an_agent_that_learns():
    # As its reader compiles it: with optimisations left out its lives take minutes.
    env = {name: os.environ[name] for name in os.environ if name != "XLA_FLAGS"}
    command = [sys.executable, PAGE]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *generations, last = done.stdout.splitlines()
    assert len(generations) == 60
    # Without memory half of ten pulls pay, with a standard error below 0.1.
    assert float(last.split()[-4]) > 5.25
