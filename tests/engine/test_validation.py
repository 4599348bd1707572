"""The validation curve: one agent, the same lives, on any ranks and after any stop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evolife import keys
from evolife.config.model import load_config
from evolife.console.progress import summary
from evolife.engine import lifetime
from evolife.engine.evolution import begin, evolve
from evolife.engine.settings import Settings
from evolife.engine.tournament import hold
from evolife.engine.validation import Validator, generations_between
from evolife.engine.work import Interrupted
from evolife.plugins.build import build_run
from evolife.ranks.mpi import Serial
from tests.engine.test_population import StopAfter, in_threads

GENERATIONS, LIVES = 5, 130
CONFIG = (
    *("agent={name: reflex, hidden: [2]}", "env.pulls=5", "control=null"),
    *("population={size: 16, tile: 8}", "lifetime={steps: 5, lives: 2}"),
    *(f"generations={GENERATIONS}", "best_of_k={keep: 1, lives: 8, archive: 4}"),
    *("record.validate_every=2", f"record.validate_lives={LIVES}"),
)


@pytest.fixture(scope="module")
def experiment():
    return build_run(load_config("bandit", CONFIG)).experiment


@pytest.fixture(scope="module")
def whole(experiment):
    """What happens when nobody disturbs it."""
    return outcome(experiment, begin(experiment), 0, Serial(), [])


def outcome(experiment, progress, done, ranks, seen):
    """Evolve on; add to ``seen`` what each generation came to, and give that back."""
    for step in evolve(experiment, progress, done, ranks, pytest.fail):
        archive = [np.copy(leaf) for leaf in jax.tree.leaves(step.progress.archive)]
        seen.append((step, archive))
    return seen


def test_the_curve_has_its_points_and_the_centre_s_mean_on_the_fixed_lives(
    experiment, whole
):
    points = {step.generation: step.validation for step, _ in whole}
    assert [g for g, point in points.items() if point] == [1, 2, 4, 5]
    agent, world = experiment.agent, experiment.environment
    pool = keys.pool_key(experiment.settings.seed, keys.Pool.CURVE)

    @jax.jit
    @jax.vmap
    def score(number, genome):
        key = keys.life_key(pool, 0, 0, number)
        return lifetime.live(agent, world, genome, key, 5).score

    for step, _ in whole:
        if step.validation is None:
            assert "validate" not in step.seconds
            continue
        centre = experiment.strategy.centre(step.progress.strategy)
        many = jax.tree.map(lambda x: jnp.stack([x] * LIVES), centre)
        scores = np.asarray(score(jnp.arange(LIVES), many), np.float64)
        assert step.validation.mean == pytest.approx(scores.mean(), rel=1e-6)
        ends = stats.t.interval(0.95, LIVES - 1, scores.mean(), stats.sem(scores))
        assert step.validation[1:] == pytest.approx(ends, rel=1e-5)


def test_the_curve_changes_no_bit_of_the_evolution(experiment, whole, monkeypatch):
    monkeypatch.setattr(Validator, "is_due", lambda *_: False)
    without = outcome(experiment, begin(experiment), 0, Serial(), [])
    assert [s.digest for s, _ in without] == [s.digest for s, _ in whole]
    for (_, one), (_, other) in zip(without, whole, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_ranks_share_its_lives_and_see_the_same(experiment, whole, size):
    last = whole[-1][0]
    validator = Validator(experiment)
    found = in_threads(
        size, lambda rank: validator.measure(last.progress.strategy, rank)
    )
    assert found == [last.validation] * size


def test_a_stop_at_any_moment_leaves_no_trace(experiment, whole):
    """In the lives of a generation, and in those of its validation."""
    whole_generations = set()
    for calls in (1, 4, 9, 17):
        seen = []
        progress = begin(experiment)
        try:
            outcome(experiment, progress, 0, StopAfter(calls), seen)
        except Interrupted as stop:
            whole_generations.add(bool(stop.partial.done.all()))
            if seen:
                progress = seen[-1][0].progress
            left = progress._replace(partial=stop.partial)
            outcome(experiment, left, len(seen), Serial(), seen)
        for (step, archive), (other, wanted) in zip(seen, whole, strict=True):
            assert step.digest == other.digest
            assert step.validation == other.validation
            for a, b in zip(archive, wanted, strict=True):
                np.testing.assert_array_equal(a, b)
    assert whole_generations == {False, True}


def test_the_tournament_needs_no_program_of_its_own(experiment, whole):
    traced = experiment.champions.traces
    assert traced >= 1
    hold(experiment, whole[-1][0].progress.archive, Serial())
    assert experiment.champions.traces == traced


@given(st.integers(1, 10**6), st.integers(1, 1000), st.integers(2, 10**5))
def test_auto_adds_a_fiftieth_to_the_steps_at_most(size, lives, validated):
    settings = Settings(
        seed=0,
        generations=1,
        steps=1,
        population=size,
        tile=1,
        lives=lives,
        validate_lives=validated,
    )
    every = generations_between(settings)
    assert every >= 10
    assert 50 * validated <= every * size * lives
    assert every == 10 or 50 * validated > (every - 1) * size * lives


def test_the_newest_validation_is_shown_beside_the_fitness():
    told = {"fitness/best": 2.0, "validation/mean": 1.25, "fitness/mean": float("nan")}
    assert summary(told) == "best 2  validation 1.25"
