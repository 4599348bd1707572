"""One run on any number of ranks: the same digests, the same champions."""

import json
import sys

import pytest

from tests.cli_tools import TINY, champions, digests, metrics, run, run_here

GENERATIONS = 6
ALL = ("train", "bandit", f"generations={GENERATIONS}", *TINY)
CASES = {
    "low_rank": (("record.validate_every=2",), (2, 3, 5)),
    **{
        name: ((f"strategy={{name: {name}}}",), (2, 3))
        for name in ("CMA_ES", "SimpleGA", "SNES")
    },
    # Chosen by the rule: 16 members a tile, and as many lives a unit as fit.
    "tiles": (
        ("population.tile=auto", "population.size=150", "lifetime.lives=3"),
        (3,),
    ),
}
"""Overrides of a run, and how many ranks it is tried on."""
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


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What every case comes to on each number of ranks."""
    at = tmp_path_factory.mktemp("worlds")
    folders = {
        (name, ranks): at / f"{name}-{ranks}"
        for name, (_, others) in CASES.items()
        for ranks in (1, *others)
    }
    for size in sorted({ranks for _, ranks in folders}):
        jobs = {
            str(folder): [*ALL[2:], *CASES[name][0]]
            for (name, ranks), folder in folders.items()
            if ranks == size
        }
        if size == 1:
            for folder, words in jobs.items():
                # In a process of its own, as ranks are: the threads of linear algebra
                # are counted when it starts, and last digits depend on them.
                alone = run(*ALL[:2], *words, "--ranks", 1, "--out", folder)
                assert alone.returncode == 0, alone.stderr
        else:
            script = [sys.executable, "-c", WORLD]
            world = run(size, json.dumps(jobs), ranks=size, command=script)
            assert world.returncode == 0, world.stderr
    return {
        key: (digests(folder), champions(folder), fitness(folder))
        for key, folder in folders.items()
    }


@pytest.mark.mpi
@pytest.mark.parametrize("name", CASES)
def test_any_number_of_ranks_gives_the_same_bits(trained, name):
    alone = trained[name, 1]
    assert len(set(alone[0])) == len(alone[0]) == GENERATIONS
    assert len({value for line in alone[2] for value in line}) > 1
    for ranks in CASES[name][1]:
        assert trained[name, ranks] == alone, f"{ranks} ranks"


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
