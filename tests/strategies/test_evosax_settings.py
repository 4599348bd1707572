"""Settings of evosax's algorithms: where they go, and what is refused."""

import functools
import itertools

import jax
import jax.numpy as jnp
import pytest

from evolife.errors import InvalidInput
from evolife.strategies.evosax.strategy import build
from tests.evosax_sphere import SIZE, live, make, newborn


@pytest.mark.parametrize(
    ("name", "size", "settings", "said"),
    [
        ("Open_ES", 7, {}, "must be even.*: 6 and 8"),
        ("PGPE", 1, {}, "must be even.*: 2$"),
        ("CR_FM_NES", 9, {}, "must be even.*: 8 and 10"),
        ("ESMC", 9, {}, "proposes 8 members.*: 8 and 10"),
        ("DifferentialEvolution", 3, {}, "population_size >= 4.*: 4$"),
        ("GESMR_GA", 60, {"num_groups": 9}, "divisible.*: 55 and 64"),
        ("SV_Open_ES", 10, {"num_populations": 3}, "shared by 3.*: 6 and 12"),
        ("CMA_ES", 1, {}, "at least 2.*: 2$"),
        ("LGA", 1, {}, "at least 2.*: 2$"),
        ("iAMaLGaM_Full", 1, {}, "at least 2.*: 2$"),
        ("GuidedES", 8, {"subspace_dims": 7}, "genome of 6 numbers.*Subspace"),
        ("CMA_ES", 8, {"elite_ratio": 1.0}, "whatever the population"),
    ],
)
def test_a_population_that_does_not_suit_is_told_which_do(name, size, settings, said):
    with pytest.raises(InvalidInput, match=said):
        make(name, size, **settings)


def test_the_nearest_sizes_are_taken():
    for size in (55, 64):
        make("GESMR_GA", size, num_groups=9)


ADAM = {"name": "adam", "learning_rate": 0.01}


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("Open_ES", {"std_scedule": 0.1}, "std_scedule.*'std_schedule'"),
        ("CMA_ES", {"std_innit": 1.0}, "std_innit.*'std_init'.*elite_ratio"),
        ("RandomSearch", {"std": 1.0}, "no settings"),
        ("LES", {"params_path": "x.pkl"}, "no such setting"),
        ("CMA_ES", {"std_init": "wide"}, "'wide': must be a number above 0"),
        ("CMA_ES", {"std_init": 0.0}, "must be a number above 0"),
        ("CMA_ES", {"std_init": True}, "must be a number above 0"),
        ("CMA_ES", {"elite_ratio": 1.5}, "at most 1"),
        ("CMA_ES", {"weights": [1.0, 2.0]}, "list of 16 numbers"),
        ("Rm_ES", {"T": 2.5}, "whole number"),
        ("GESMR_GA", {"num_groups": 0}, "whole number of at least 1"),
        ("DifferentialEvolution", {"elitism": 1}, "true or false"),
        ("Open_ES", {"use_antithetic_sampling": 1}, "true or false"),
        ("Open_ES", {"std_schedule": -0.1}, "above 0"),
        ("Open_ES", {"std_schedule": {"name": "linnear"}}, "'linear'"),
        (
            "Open_ES",
            {"std_schedule": {"name": "linear"}},
            "needs init_value, end_value",
        ),
        ("Open_ES", {"std_schedule": {"value": 1.0}}, "a mapping with a name"),
        ("Open_ES", {"optimizer": 3}, "a mapping with a name"),
        ("Open_ES", {"optimizer": "sgd"}, "needs learning_rate"),
        ("Open_ES", {"optimizer": {**ADAM, "name": "adamm"}}, "unknown.*'adam"),
        ("Open_ES", {"optimizer": {**ADAM, "beta": 1.0}}, "unknown argument 'beta'"),
        ("Open_ES", {"optimizer": {**ADAM, "b1": "x"}}, "does not work"),
        ("Open_ES", {"optimizer": {"learning_rate": -1.0}}, "above 0"),
        ("Open_ES", {"optimizer": {**ADAM, "name": "lbfgs"}}, "does not work"),
    ],
)
def test_settings_that_do_not_suit_are_explained(name, settings, said):
    with pytest.raises(InvalidInput, match=said):
        make(name, **settings)


def test_settings_reach_where_evosax_keeps_them():
    def start(strategy):
        return strategy.init(jax.random.key(0), newborn).algorithm

    assert start(make("CMA_ES", std_init=2)).std == 2.0
    assert start(make("Open_ES", std_schedule=0.25)).std == 0.25
    wide = make("CMA_ES", elite_ratio=0.25)._params
    assert int(jnp.sum(wide.weights > 0)) == SIZE // 2
    assert wide.mu_eff < make("CMA_ES")._params.mu_eff
    assert make("DES", temperature=0.1)._params.weights[0] < 0.1
    assert make("GESMR_GA", num_groups=5)._algorithm.num_groups == 5
    assert make("DifferentialEvolution", elitism=False)._params.elitism is False
    params = make("Rm_ES", T=7)._params
    assert params.T == 7 and isinstance(params.T, int)
    listed = make("SimpleES", weights=[1.0] + [0.0] * 15)._params.weights
    assert listed.dtype == jnp.float32 and listed[0] == 1
    assert make("Open_ES", optimizer={"learning_rate": 0.5}).settings == {
        "optimizer": {"name": "adam", "learning_rate": 0.5},
        "std_schedule": 0.1,
    }


def test_schedules_run_over_generations():
    halved = {
        "name": "piecewise_constant",
        "init_value": 0.4,
        "boundaries_and_scales": {"2": 0.5},
    }
    rate = {"name": "exponential_decay", "init_value": 0.1, "transition_steps": 1}
    sgd = {"name": "sgd", "learning_rate": {**rate, "decay_rate": 1e-6}}
    strategy = make("Open_ES", std_schedule=halved, optimizer=sgd)
    step = jax.jit(functools.partial(live, strategy))
    state = strategy.init(jax.random.key(0), newborn)
    means, stds = [], []
    for generation in range(5):
        means.append(state.algorithm.mean)
        stds.append(float(state.algorithm.std))
        state, _ = step(state, jnp.int32(generation))
    assert stds[0] == stds[1] == pytest.approx(0.4) and stds[-1] == pytest.approx(0.2)
    moves = [float(jnp.linalg.norm(b - a)) for a, b in itertools.pairwise(means)]
    assert moves[0] > 1e-2 and moves[1] < 1e-4


def test_unknown_algorithms_and_genomes_that_cannot_evolve_are_refused():
    with pytest.raises(InvalidInput, match=r"'CMA_ES'.*xNES"):
        make("CMAES")
    with pytest.raises(InvalidInput, match="nothing to evolve"):
        build("CMA_ES", 8, {}, None, {"w": jax.ShapeDtypeStruct((0,), jnp.float32)})
    with pytest.raises(InvalidInput, match="int32"):
        build("CMA_ES", 8, {}, None, {"w": jax.ShapeDtypeStruct((2,), jnp.int32)})
