"""Sweep files become runs as W&B documents it; the same ones every time."""

import itertools
import json
import math
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evolife.config.layers import Origins
from evolife.errors import InvalidInput
from evolife.sweeps.distributions import BY_MOMENTS, DISTRIBUTIONS, NUMERIC
from evolife.sweeps.expansion import count, entry, expand
from evolife.sweeps.parameters import Parameter, flattened
from evolife.sweeps.prepare import prepare
from evolife.sweeps.spec import load_sweep
from tests.paths import DATA
from tests.sweep_tools import write_sweep

WANDB = json.loads((DATA / "wandb_sweeps.json").read_text())
"""What W&B's own package makes of two sweep files."""


def expanded(folder, parameters, **settings):
    return expand(load_sweep(str(write_sweep(folder, parameters, **settings))))


def nested(assignment):
    """Dotted keys as W&B hands them to a program."""
    found = {}
    for key, value in assignment.items():
        first, _, rest = key.partition(".")
        if rest:
            found.setdefault(first, {})[rest] = value
        else:
            found[key] = value
    return found


def texts(runs):
    return sorted(json.dumps(run, sort_keys=True) for run in runs)


def test_a_grid_is_the_same_set_of_runs_as_in_wandb(tmp_path):
    grid = WANDB["grid"]
    runs = expanded(tmp_path, grid["sweep"]["parameters"])
    assert len(runs) == 16
    assert texts(map(nested, runs)) == texts(grid["runs"])


@pytest.mark.parametrize("key", list(WANDB["random"]["sweep"]["parameters"]))
def test_draws_are_distributed_as_in_wandb(key):
    """Nine shares each, of two samples: 5 deviations, error below 1e-4 for all."""
    data = WANDB["random"]["sweep"]["parameters"][key]
    one = flattened({key: data}, Origins())[key]
    draws, generator = WANDB["draws"], random.Random(f"wandb {key}")
    drawn = [one.quantile(generator.random()) for _ in range(draws)]
    shares = WANDB["random"]["shares"][key]
    if isinstance(shares, dict):
        pairs = [(sum(x == v for x in drawn) / draws, s) for v, s in shares.items()]
    else:
        # What two programs compute by logarithms may differ in the last bit.
        pairs = [
            (sum(x <= v + 1e-9 * abs(v) for x in drawn) / draws, s) for v, s in shares
        ]
    for ours, theirs in pairs:
        share = (ours + theirs) / 2
        assert abs(ours - theirs) <= 5 * math.sqrt(
            max(share * (1 - share), 1 / draws) * 2 / draws
        )


REFERENCES = {
    "uniform": ({"min": 2.0, "max": 5.0}, stats.uniform(2, 3)),
    "log_uniform": ({"min": -3, "max": 1}, stats.loguniform(math.exp(-3), math.e)),
    "log_uniform_values": ({"min": 0.01, "max": 10}, stats.loguniform(0.01, 10)),
    "inv_log_uniform": ({"min": -3, "max": 1}, stats.loguniform(1 / math.e, math.e**3)),
    "inv_log_uniform_values": ({"min": 0.01, "max": 10}, stats.loguniform(0.01, 10)),
    "normal": ({"mu": 1.0, "sigma": 2.0}, stats.norm(1, 2)),
    "log_normal": ({"mu": 1.0, "sigma": 0.5}, stats.lognorm(0.5, scale=math.e)),
}


@pytest.mark.parametrize("name", [name for name in NUMERIC if name in REFERENCES])
@given(u=st.floats(0, 1, exclude_max=True))
def test_quantiles_are_those_of_the_distribution(name, u):
    arguments, reference = REFERENCES[name]
    one = Parameter(distribution=name, **arguments)
    assert one.quantile(u) == pytest.approx(float(reference.ppf(max(u, 2**-53))), 1e-6)


@pytest.mark.parametrize("name", [n for n in NUMERIC if n.startswith("q_")])
@given(u=st.floats(0, 1, exclude_max=True), q=st.sampled_from([0.25, 1, 5]))
def test_quantised_draws_are_the_nearest_multiples(name, u, q):
    bounds = {"mu": 1.0} if name in BY_MOMENTS else {"min": 1, "max": 3}
    plain = Parameter(distribution=name.removeprefix("q_"), **bounds).quantile(u)
    found = Parameter(distribution=name, q=q, **bounds).quantile(u)
    assert abs(found - plain) <= q / 2 * (1 + 1e-9)
    assert found / q == round(found / q)


@given(low=st.integers(-50, 50), width=st.integers(0, 100))
def test_int_uniform_gives_each_number_its_share(low, width):
    one = Parameter(min=low, max=low + width)
    assert one.kind == "int_uniform"
    steps = 7 * (width + 1)
    found = [one.quantile((i + 0.5) / steps) for i in range(steps)]
    assert found == sorted(7 * list(range(low, low + width + 1)))


def test_every_distribution_is_checked_against_something():
    listed = {"constant", "categorical", "categorical_w_probabilities", "int_uniform"}
    quantised = {name for name in NUMERIC if name.startswith("q_")}
    assert set(DISTRIBUTIONS) == listed | quantised | set(REFERENCES)


def test_kinds_follow_from_what_is_given():
    kinds = {
        "constant": {"value": None},
        "categorical": {"values": [1, "a", None]},
        "int_uniform": {"min": 1, "max": 3},
        "uniform": {"min": 1, "max": 3.0},
    }
    for kind, data in kinds.items():
        assert flattened({"k": data}, Origins())["k"].kind == kind
    assert Parameter(range=[2, 9, 3]).listed == [2, 5, 8]
    assert Parameter(distribution="q_uniform", min=1, max=6, q=2).listed == [2, 4, 6]


def test_a_grid_counts_like_an_odometer(tmp_path):
    values = {"seed": {"range": [0, 3]}, "agent.hidden": {"values": [8, 4]}}
    runs = expanded(tmp_path, values)
    pairs = itertools.product([0, 1, 2], [8, 4])
    assert runs == [{"seed": a, "agent.hidden": b} for a, b in pairs]


def test_zip_pairs_values_and_repeats_constants(tmp_path):
    values = {"seed": {"values": [5, 6]}, "agent.hidden": {"values": [8, 4]}}
    runs = expanded(tmp_path, values | {"generations": {"value": 9}}, method="zip")
    assert [tuple(run.values()) for run in runs] == [(5, 8, 9), (6, 4, 9)]


def test_equal_runs_are_one_run(tmp_path):
    assert len(expanded(tmp_path, {"seed": {"values": [1, 1, 2]}})) == 2
    few = expanded(tmp_path, {"seed": {"values": [1, 2, 3]}}, method="random")
    assert sorted(run["seed"] for run in few) == [1, 2, 3]


def test_a_cap_takes_the_first(tmp_path):
    assert len(expanded(tmp_path, {"seed": {"range": [0, 9]}}, run_cap=4)) == 4
    one = load_sweep(str(write_sweep(tmp_path, {"seed": {"range": [0, 9]}}, run_cap=4)))
    assert count(one) == 4


def test_random_draws_depend_on_the_seed_alone(tmp_path):
    values = {
        "seed": {"min": 0, "max": 10**6},
        "strategy.sigma": {"min": 0, "max": 1.0},
    }

    def runs(parameters=values, **settings):
        return expanded(tmp_path, parameters, method="random", **settings)

    first = runs(run_cap=20, seed=1)
    assert first == runs(run_cap=20, seed=1)
    assert first == runs(run_cap=30, seed=1)[:20]
    assert first != runs(run_cap=20, seed=2)
    alone = runs({"seed": values["seed"]}, run_cap=20, seed=1)
    assert [run["seed"] for run in alone] == [run["seed"] for run in first]


def test_names_are_by_content(tmp_path):
    values = {"seed": {"range": [0, 2]}, "agent.hidden": {"values": [8, 4]}}
    first = prepare(str(write_sweep(tmp_path, values))).entries
    turned = prepare(str(write_sweep(tmp_path, dict(reversed(values.items()))))).entries
    digests = [{e.run.rpartition("-")[2] for e in runs} for runs in (first, turned)]
    assert digests[0] == digests[1] and len(digests[0]) == 4
    longer = prepare(str(write_sweep(tmp_path, values | {"seed": {"range": [0, 5]}})))
    assert {e.run for e in first} < {e.run for e in longer.entries}
    other = prepare(str(write_sweep(tmp_path, values)), ["generations=3"]).entries
    assert {e.run for e in first}.isdisjoint(e.run for e in other)
    assert first[0].run.startswith("seed_0-hidden_8-")


def test_names_fit_folders_and_configs():
    strange = {"name": "a/b", "hidden": [1, 2]}
    found = entry(
        {"agent": strange, "claim": "x" * 300, "k": -1.5}, "d", ["agent", "k"]
    )
    assert found.run.startswith("a_b-k_-1.5-")
    long = entry({"claim": "x" * 300}, "d", ["claim"]).run
    assert len(long) < 80
    assert entry({"a": 1}, "d", []).run.startswith("run-")


def test_sections_come_before_the_keys_within_them(tmp_path):
    values = {"agent.hidden": {"value": 4}, "agent": {"values": [{"name": "lstm"}]}}
    (only,) = prepare(str(write_sweep(tmp_path, values))).entries
    assert only.overrides == ('agent={"name": "lstm"}', "agent.hidden=4")


def test_a_hundred_thousand_runs_take_seconds(tmp_path):
    values = {
        "seed": {"min": 0, "max": 10**9},
        "agent.hidden": {"min": 4, "max": 64},
        "strategy.sigma": {"distribution": "log_uniform_values", "min": 0.01, "max": 1},
    }
    path = str(write_sweep(tmp_path, values, method="random", run_cap=100_000))
    begun = time.process_time()
    assert len(prepare(path).entries) == 100_000
    # Asked for are 5 s of an idle core; slow and shared ones get more.
    assert time.process_time() - begun < 15


def test_too_many_runs_are_counted_and_refused(tmp_path):
    values = {f"agent.x{i}": {"range": [0, 1000]} for i in range(3)}
    path = write_sweep(tmp_path, values)
    with pytest.raises(InvalidInput, match=r"1,000,000,000 runs; .* --yes"):
        prepare(str(path))
    capped = load_sweep(str(write_sweep(tmp_path, values, run_cap=7)))
    assert len(expand(capped)) == 7
