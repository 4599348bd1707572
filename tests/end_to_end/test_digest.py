"""One run on any number of ranks: the same digests, the same champions."""

import json
import sys

import pytest

from tests.cli_tools import TINY, champions, digests, metrics, run, run_here

GENERATIONS = 6
ALL = ("train", "bandit", f"generations={GENERATIONS}", *TINY)
AUTO = ("population.tile=auto", "population.size=150", "lifetime.lives=3")
CASES = {
    "low_rank": (),
    # Tiles chosen by the rule: 16 members, and as many lives a unit as fit.
    **{
        f"{name}-auto": (f"strategy={{name: {name}}}", *AUTO)
        for name in ("low_rank", "full_rank", "CMA_ES", "SimpleGA", "SNES")
    },
    # A step size at which no generation is a plateau, which would change nothing.
    "separable-auto": ("strategy={name: separable, sigma: 0.5}", *AUTO),
}
"""Overrides of a run."""
MANY = [f"{name}-auto" for name in ("low_rank", "full_rank", "separable")]
MANY += ["CMA_ES-auto", "SimpleGA-auto"]
"""Those that are also tried where ranks crowd the cores."""
VALIDATED = "record.validate_every=2"
SLOW = pytest.mark.slow
SIZES = [2, 3, *(pytest.param(size, marks=SLOW) for size in (5, 7, 16))]
WORLD = """
import json, sys
from pathlib import Path
from evolife.processes.prepare import enable_compile_cache, prepare_process
prepare_process()
from evolife.config.model import load_config
from evolife.console.terminal import Terminal
from evolife.processes.signals import guard
from evolife.ranks.mpi import open_ranks
from evolife.run.train import Session, train

with guard(open_ranks(int(sys.argv[1]))) as ranks:
    enable_compile_cache(ranks.leads)
    for out, overrides in json.loads(sys.argv[2]).items():
        session = Session(ranks, Terminal(), sys.argv, {}, resume=False)
        train(load_config("bandit", overrides), Path(out), session)
"""
"""Trains one run after the other on the same ranks, which take seconds to start."""


def results(folder):
    return digests(folder), champions(folder), fitness(folder)


def words_of(name):
    return [*ALL[2:], VALIDATED, *CASES[name]]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What every case comes to on one rank."""
    at, found = tmp_path_factory.mktemp("alone"), {}
    for name in CASES:
        # In a process of its own, as ranks are: the threads of linear algebra are
        # counted when it starts, and last digits depend on them.
        told = run(*ALL[:2], *words_of(name), "--ranks", 1, "--out", at / name)
        assert told.returncode == 0, told.stderr
        found[name] = results(at / name)
    return found


@pytest.fixture(scope="module", params=SIZES)
def together(request, tmp_path_factory):
    """What every case comes to on several ranks."""
    size, at = request.param, tmp_path_factory.mktemp(f"world-{request.param}")
    names = CASES if size < 7 else MANY
    jobs = {str(at / name): words_of(name) for name in names}
    script = [sys.executable, "-c", WORLD]
    told = run(size, json.dumps(jobs), ranks=size, command=script, timeout=900)
    assert told.returncode == 0, told.stderr
    return {name: results(at / name) for name in names}


@pytest.mark.mpi
def test_any_number_of_ranks_gives_the_same_bits(alone, together):
    for name, found in together.items():
        one = alone[name]
        assert len(set(one[0])) == len(one[0]) == GENERATIONS, name
        assert len({value for line in one[2] for value in line}) > 1, name
        assert found == one, name


@pytest.mark.mpi
@pytest.mark.parametrize("name", ["low_rank-auto", "separable-auto"])
def test_a_run_resumed_on_other_ranks_gives_the_same_bits(alone, tmp_path, name):
    """Two generations on 2 ranks, two on 5, and the last two alone."""
    folder, words = tmp_path / "run", words_of(name)
    first = ("train", "bandit", *words, "generations=2", "--out", folder)
    for ranks, command in (
        (2, first),
        (5, ("train", "--resume", folder, "generations=4")),
        (1, ("train", "--resume", folder, f"generations={GENERATIONS}", "--ranks", 1)),
    ):
        told = run(*command, ranks=ranks) if ranks > 1 else run(*command)
        assert told.returncode == 0, told.stderr
    assert digests(folder) == alone[name][0]


def fitness(folder):
    keys = ("fitness/best", "fitness/median", "fitness/std", "validation/mean")
    return [
        [line.get(key) for key in keys] + line.get("life/best", [])
        for line in metrics(folder)
    ]


def test_another_seed_gives_other_bits(trained_run, tmp_path):
    words = ("train", "bandit", "generations=2", *TINY, "seed=1", "--ranks", 1)
    result = run_here(*words, "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert not set(digests(tmp_path / "run")) & set(digests(trained_run))
