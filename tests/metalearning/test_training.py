"""The meta-meta loop: the same bits on any number of ranks, and across any kill."""

import dataclasses
import json
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.errors import EvolifeError
from evolife.metalearning import training
from evolife.metalearning.gradient_estimator import GradientEstimator
from evolife.ranks.mpi import Serial
from evolife.selection.operator import Architecture
from evolife.selection.operator_file import read
from evolife.selection.shaping.learned import Learned
from tests.cli_tools import (
    check_every_json,
    complaint,
    dashboard_steps,
    digests,
    lines_so_far,
    metrics,
    run,
    run_here,
    started,
    until,
)

STEPS = 8
TINY = (
    f"meta_steps={STEPS}",
    "route.dimensions=[2,3]",
    "route.members=[4,6]",
    "route.tasks=2",
    "route.families=[sphere,ellipsoid]",
    "route.window=2",
    "route.length=4",
    "validate.every=4",
    "checkpoint.every=3",
    "record.every=2",
)


ONE_SHARD = (*TINY, "route.dimensions=[2]", "route.members=[4]")
"""Half as much to compile, for what does not depend on shards."""


@dataclasses.dataclass(frozen=True)
class Towards(GradientEstimator):
    """The squared distance to an operator of ones; some gradients are broken."""

    idea = "a bowl"
    broken: int = 0
    """Meta-steps at the beginning whose gradient is not a number."""

    @property
    def shards(self):
        return 3

    def begin(self, shard, key):
        return jnp.int32(0)

    def gradient(self, shard, operator, carry, key):
        sick = (carry < self.broken) & (shard == 1)
        slope = jax.tree.map(
            lambda x: 2 * (x - 1) + jnp.where(sick, jnp.nan, 0), operator
        )
        far = sum(jnp.sum(jnp.square(x - 1)) for x in operator)
        return slope, carry + 1, {"loss": far}


def trained(route, steps, rate=0.1):
    descent = training.Descent(rate, 1e3, steps)
    progress = training.begin(route, descent, 0)
    arguments = (progress, 0, 0, 10, Serial(), pytest.fail)
    return list(training.train(route, descent, *arguments))


def test_the_operator_reaches_the_bottom_of_a_bowl():
    last = trained(Towards(architecture=Architecture()), 400)[-1]
    operator = last.progress.trained.operator
    assert all(float(jnp.max(jnp.abs(leaf - 1))) < 0.02 for leaf in operator)
    assert last.metrics["loss"] < 0.05 and last.metrics["skipped"] == 0


def test_steps_without_a_finite_gradient_are_skipped_and_counted():
    steps = trained(Towards(broken=5, architecture=Architecture()), 10)
    assert [step.metrics["skipped"] for step in steps] == [1, 2, 3, 4, *(5,) * 6]
    first, fifth = steps[0].progress.trained, steps[4].progress.trained
    for before, after in zip(first.operator, fifth.operator, strict=True):
        np.testing.assert_array_equal(before, after)
    assert int(steps[-1].progress.trained.in_a_row) == 0


def test_many_broken_steps_in_a_row_end_the_training_with_advice():
    with pytest.raises(EvolifeError, match=r"last 20 meta-steps.*learning_rate"):
        trained(Towards(broken=99, architecture=Architecture()), 40)


def test_every_json_that_a_meta_run_writes_is_strict(uninterrupted):
    """The head of the operator too."""
    names = check_every_json(uninterrupted)
    assert {"operator.safetensors", "metrics.jsonl", "manifest.json"} <= names


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A meta-run that nobody disturbs, on one rank."""
    folder = tmp_path_factory.mktemp("meta") / "alone"
    result = run_here("meta", "demo-meta", *TINY, "--ranks", 1, "--out", folder)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The same of one shard."""
    folder = tmp_path_factory.mktemp("meta") / "one"
    words = ("meta", "demo-meta", *ONE_SHARD, "--ranks", 1, "--out", folder)
    result = run_here(*words)
    assert result.returncode == 0, result.stderr
    return folder


def same(folder, other):
    assert digests(folder) == digests(other)
    name = "operator.safetensors"
    assert (folder / name).read_bytes() == (other / name).read_bytes()


def test_a_meta_run_leaves_an_operator_with_its_card(uninterrupted):
    file = str(uninterrupted / "operator.safetensors")
    learned, card = Learned(file), read(file)[2]
    assert card["families"] == ["sphere", "ellipsoid"]
    assert set(card["families"]).isdisjoint(card["test families"])
    assert card["parameters"] == sum(x.size for x in learned.parameters) < 2000
    lines = metrics(uninterrupted)
    assert len(lines) == STEPS
    for key in ("meta/loss", "meta/gradient", "meta/skipped"):
        assert all(np.isfinite(line[key]) for line in lines)
    seen = [line for line in lines if "portrait" in line]
    assert [line["generation"] for line in seen] == [1, 2, 4, 6, 8]
    for line in seen:
        shares = np.abs(line["portrait"])
        assert 1 <= line["meta/parents"] <= 32 and line["meta/entropy"] <= 5
        shares = shares / shares.sum()
        assert line["meta/entropy"] == pytest.approx(
            -np.sum(shares * np.log2(shares)), abs=1e-3
        )
    assert dashboard_steps(uninterrupted, "meta/loss") == list(range(1, STEPS + 1))
    assert json.loads((uninterrupted / "manifest.json").read_text())["outputs"]


@pytest.mark.mpi
def test_two_ranks_train_the_same_operator(uninterrupted, tmp_path):
    folder = tmp_path / "shared"
    result = run("meta", "demo-meta", *TINY, "--out", folder, ranks=2, timeout=300)
    assert result.returncode == 0, result.stderr
    same(folder, uninterrupted)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_meta_run_goes_on_bit_for_bit(undisturbed, tmp_path, how):
    folder = tmp_path / "killed"
    words = ("meta", "demo-meta", *ONE_SHARD, "--ranks", 1, "--out", folder)
    with started(*words) as work:
        assert until(lambda: lines_so_far(folder) >= 4)
        work.send_signal(how)
        work.wait(60)
    if how == signal.SIGTERM and lines_so_far(folder) < STEPS:
        assert work.returncode == 75
    again = run_here("meta", "--resume", folder, "--ranks", 1)
    assert again.returncode == 0, again.stderr
    same(folder, undisturbed)
    assert dashboard_steps(folder, "meta/loss") == list(range(1, STEPS + 1))


def test_a_run_uses_what_a_meta_run_wrote(uninterrupted, tmp_path):
    words = ("control=null", "agent.hidden=8", "env.pulls=5", "population.size=32")
    more = ("population.tile=8", "lifetime.steps=5", "lifetime.lives=4")
    best = ("best_of_k={keep: 1, lives: 16, archive: 2}", "generations=3")
    chosen = (
        *("selection.name=learned", f"selection.operator={uninterrupted}"),
        f"best_of_k.operator={uninterrupted}",
    )
    result = run_here(
        *("train", "bandit", *words, *more, *best, *chosen),
        *("--ranks", 1, "--out", tmp_path / "run"),
    )
    assert result.returncode == 0, result.stderr
    plain = run_here(
        *("train", "bandit", *words, *more, *best),
        *("--ranks", 1, "--out", tmp_path / "plain"),
    )
    assert plain.returncode == 0, plain.stderr
    assert digests(tmp_path / "run") != digests(tmp_path / "plain")


@pytest.mark.parametrize(
    "words",
    [
        ["selection={name: learned, operator: nothing}"],
        ["selection.name=learned", "selection.operator=nothing"],
        ["best_of_k.operator=nothing"],
    ],
)
def test_a_run_refuses_an_operator_that_is_not_there(words, tmp_path):
    result = run_here("train", "bandit", *words, "--ranks", 1, cwd=tmp_path)
    told = complaint(result)
    assert "operator" in told and "no such file" in told and "override" in told
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["demo-mta"], "did you mean 'demo-meta'"),
        (["demo-meta", "route.name=unroled"], "did you mean 'unrolled'"),
        (["demo-meta", "route.members=[1, 4]"], "from 2 to 4096"),
        (["demo-meta", "route.strategy=SNESS"], "did you mean 'SNES'"),
        (["demo-meta", "optimizer.learning_rate=0"], "above 0"),
        ([], "evolife list"),
        (["--resume", "nowhere"], "no run folder nowhere"),
        (["--evaluate", "nothing"], "operator 'nothing': no such file"),
    ],
)
def test_bad_input_is_named_with_its_remedy(words, told, tmp_path):
    result = run_here("meta", *words, "--ranks", 1, cwd=tmp_path)
    assert told in complaint(result)
    assert not list(tmp_path.iterdir())


def test_a_meta_run_is_not_mixed_with_another(uninterrupted):
    result = run_here("meta", "demo-meta", *TINY, "--ranks", 1, "--out", uninterrupted)
    assert "already" in complaint(result) or "holds" in complaint(result)
    other = run_here("meta", "demo-meta", *TINY, "seed=5", "--resume", uninterrupted)
    assert "another config: seed was 0, now is 5" in complaint(other)
