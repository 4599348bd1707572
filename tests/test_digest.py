"""One run on any number of ranks: the same digests, the same champions."""

import pytest

from evolife.storage.metric_names import OF_VALIDATION
from tests.cli_tools import TINY, champions, digests, metrics, run, run_here

STRATEGIES = ("low_rank", "CMA_ES", "SimpleGA", "SNES")
# Chosen by the rule: 16 members a tile, and as many lives a unit as fit.
AUTO = ("population.tile=auto", "population.size=150", "lifetime.lives=3")
GENERATIONS = 6


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("strategy", "changes", "others"),
    [
        ("low_rank", ("record.validate_every=2",), (2, 3, 5)),
        *((name, (), (2, 3)) for name in STRATEGIES[1:]),
        ("low_rank", AUTO, (3,)),
    ],
)
def test_any_number_of_ranks_gives_the_same_bits(tmp_path, strategy, changes, others):
    seen = {}
    for ranks in (1, *others):
        folder = tmp_path / str(ranks)
        words = (
            *("train", "bandit", f"generations={GENERATIONS}", *TINY, *changes),
            *(f"strategy={{name: {strategy}}}", "--out", folder),
        )
        alone = ranks == 1
        result = run_here(*words, "--ranks", 1) if alone else run(*words, ranks=ranks)
        assert result.returncode == 0, result.stderr
        seen[ranks] = digests(folder), champions(folder), fitness(folder)
    assert len(set(seen[1][0])) == len(seen[1][0]) == GENERATIONS
    assert len({value for line in seen[1][2] for value in line}) > 1
    for ranks in others:
        assert seen[ranks] == seen[1], f"{ranks} ranks"


def fitness(folder):
    keys = ("fitness/best", "fitness/median", "fitness/std", *OF_VALIDATION)
    return [
        [line.get(key) for key in keys] + line.get("life/best", [])
        for line in metrics(folder)
    ]


def test_another_seed_gives_other_bits(tmp_path):
    found = []
    for seed in (0, 1):
        folder = tmp_path / str(seed)
        result = run_here(
            *("train", "bandit", "generations=2", *TINY, f"seed={seed}"),
            *("--ranks", 1, "--out", folder),
        )
        assert result.returncode == 0, result.stderr
        found.append(digests(folder))
    assert not set(found[0]) & set(found[1])
