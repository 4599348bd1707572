"""What ranks hold in memory, and ranks without work: said before the run starts."""

import dataclasses

import jax
import numpy as np
import pytest

from evolife.commands.doctor import rank_masks, ranks_advice
from evolife.config.model import load_config
from evolife.engine.grid import Grid, lives_block
from evolife.errors import InvalidInput
from evolife.plugins.build import build_run
from evolife.ranks.network import Network
from evolife.run.memory import check_memory, strategy_bytes, usable_memory
from evolife.run.plan import Measured, idle_ranks, predict, repeated_work
from tests.cli_tools import TINY, complaint, run, run_here

TINY_BANDIT = [word for word in TINY if not word.startswith("control")]


def made(*overrides):
    return build_run(load_config("bandit", [*TINY_BANDIT, *overrides])).experiment


@pytest.mark.parametrize("name", ["low_rank", "Open_ES", "CMA_ES", "SimpleGA"])
def test_the_bytes_foretold_are_those_of_the_arrays(name):
    experiment = made(f"strategy={{name: {name}}}")
    state = experiment.newborn()
    asked = jax.jit(experiment.strategy.ask)(state, np.int32(0))
    held = [
        sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
        for tree in (state, asked)
    ]
    assert strategy_bytes(experiment) == 2 * held[0] + held[1]


def test_only_a_dense_population_grows_with_its_members():
    """K x D float32 more for K more members, and nothing like it for low_rank."""
    for name, grows in (("Open_ES", True), ("low_rank", False)):
        few, many = (
            made(f"strategy={{name: {name}}}", f"population.size={size}")
            for size in (32, 64)
        )
        more = strategy_bytes(many) - strategy_bytes(few)
        dense = 32 * 4 * many.strategy.member_size if grows else 0
        assert dense <= more <= dense + 32 * 4 * 8


def test_a_population_that_would_not_fit_is_refused_before_it_is_built(monkeypatch):
    experiment = made("strategy={name: Open_ES}")
    needed = strategy_bytes(experiment)
    check_memory(experiment, needed)
    with pytest.raises(InvalidInput, match=r"strategy Open_ES: 32 members of \d+ numb"):
        check_memory(experiment, needed - 1)
    ranks = {"RANK": "0", "SIZE": "4", "LOCAL_RANK": "0", "LOCAL_SIZE": "4"}
    for name, value in ranks.items():
        monkeypatch.setenv(f"OMPI_COMM_WORLD_{name}", value)
    check_memory(experiment, 4 * needed)
    with pytest.raises(InvalidInput, match=r"on 4 rank\(s\) of this machine.*low_rank"):
        check_memory(experiment, 4 * needed - 1)


@pytest.mark.parametrize("command", ["train", "plan"])
def test_the_command_line_refuses_it_too(tmp_path, command):
    huge = ("agent.hidden=4096", "population.size=1000000", "strategy={name: Open_ES}")
    where = ("--ranks", 1, "--out", tmp_path / "run") if command == "train" else ()
    told = complaint(run_here(command, "bandit", "control=null", *huge, *where))
    assert "strategy Open_ES: 1000000 members" in told and "low_rank" in told
    assert not (tmp_path / "run").exists()


def test_memory_is_limited_by_the_container(tmp_path):
    groups = tmp_path / "sys/fs/cgroup"
    groups.mkdir(parents=True)
    whole = usable_memory(tmp_path)
    assert whole > 2**28
    (groups / "memory.max").write_text("max\n")
    assert usable_memory(tmp_path) == whole
    (groups / "memory.max").write_text("1048576\n")
    assert usable_memory(tmp_path) == 2**20


def test_ranks_without_work_are_counted_and_a_tile_named():
    experiment = made("population.size=64", "population.tile=32", "lifetime.lives=1")
    assert experiment.grid.units == 2
    assert idle_ranks(experiment, 2) == ""
    told = idle_ranks(experiment, 5)
    assert told.startswith("2 units of work for 5 ranks: 3 have nothing to do")
    assert "population.tile=8 would use them all" in told
    units = [
        Grid(tuple(range(64)), range(1), tile, lives_block(1, tile, 5)).units
        for tile in (8, 16)
    ]
    assert units[0] >= 5 > units[1], "8 is the largest that does"
    assert "a larger population.size or more lifetime.lives" in idle_ranks(
        experiment, 65
    )


def test_strategies_that_every_rank_repeats_are_named_with_those_that_are_shared():
    dense = made("strategy={name: CMA_ES}")
    numbers = 32 * dense.strategy.member_size
    told = repeated_work(dense, 2)
    assert "repeats the ask and tell of CMA_ES" in told and f"{numbers:,}" in told
    assert all(name in told for name in ("full_rank", "separable", "low_rank"))
    assert repeated_work(dense, 1) == ""
    for name in ("full_rank", "separable", "low_rank"):
        assert repeated_work(made(f"strategy={{name: {name}}}"), 64) == ""


@pytest.mark.parametrize("name", ["latency", "bandwidth"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_network_that_cannot_be_is_refused(name, value):
    with pytest.raises(InvalidInput, match=f"--{name} {value:g}: must be a finite"):
        Network(**{name: value})
    told = complaint(run_here("plan", "bandit", f"--{name}={value}"))
    assert f"--{name} {value:g}" in told


def test_a_prediction_adds_up_shares_and_the_way_between_ranks():
    measured = Measured(
        unit_seconds=1.0,
        update_seconds=0.5,
        sort_seconds=0.4,
        piece_seconds=0.1,
        pieces=10,
        numbers=1000,
        memory_bytes=1,
        units=8,
        rows=800,
        members=200,
        steps=1,
    )
    network = Network(latency=0.01, bandwidth=1e6)
    alone = predict(measured, 1, network)
    assert alone.seconds == pytest.approx(8 + 1 + 0.5 + 0.4)
    assert alone.efficiency == pytest.approx(1) and alone.bytes_sent == 0
    four = predict(measured, 4, network)
    sent = 800 * 12 + 4 * 16 + 2 * 8 * 1000
    way = 3 * 2 * 0.01 + sent / 1e6
    assert four.bytes_sent == sent
    assert four.seconds == pytest.approx(2 + 0.3 + 0.5 + 0.1 + way)
    assert four.efficiency == pytest.approx(alone.seconds / 4 / four.seconds)
    many = dataclasses.replace(measured, members=2**20)
    assert predict(many, 4, network).bytes_sent == sent + 4 * 2**20
    alike = dataclasses.replace(measured, pieces=0, numbers=0)
    assert predict(alike, 4, network).bytes_sent == 800 * 12 + 4 * 16


def test_train_says_that_ranks_outnumber_the_work(tmp_path):
    words = ("population.tile=32", "lifetime.lives=1", "generations=1")
    done = run("train", "bandit", *TINY, *words, "--out", tmp_path / "run", ranks=2)
    assert done.returncode == 0, done.stderr
    assert "1 unit of work for 2 ranks: one has nothing to do" in done.stderr
    assert "population.tile=16 would use them all" in done.stderr


def test_the_doctor_says_where_ranks_and_cores_do_not_match(monkeypatch):
    monkeypatch.setattr("evolife.commands.doctor.allowed_cores", lambda: [3, 4, 5, 6])
    assert rank_masks(4) == [[3], [4], [5], [6]]
    assert rank_masks(5) == [[3, 4, 5, 6]] * 5
    assert ranks_advice(4, 4) == []
    assert ranks_advice(5, 4) == ["5 ranks share 4 cores: start 4 on this machine"]
    assert ranks_advice(3, 4) == ["3 ranks leave 1 of 4 cores idle"]
