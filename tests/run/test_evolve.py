"""``evolife.evolve`` takes objects, and its bits are those of the config."""

import dataclasses
import json
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

import evolife
from evolife import base
from evolife.agents.gru import Gru
from evolife.envs.bandit import Bandit
from evolife.errors import EvolifeError, InvalidInput
from evolife.run.hooks import GROUP
from evolife.selection.shaping.centered_rank import CenteredRank
from evolife.storage import metrics
from evolife.strategies.low_rank import LowRank
from tests.cli_tools import environment, mpirun

SIZES = {"population": 16, "tile": 8, "steps": 5, "lives": 2, "generations": 3}
FEW = {"keep": 2, "held_out_lives": 8, "archive": 4, "validate_lives": 16}
SAME = {
    "name": "same",
    "seed": 3,
    "env": {"name": "bandit", "arms": 3, "pulls": 5},
    "agent": {"name": "gru", "hidden": 4},
    "lifetime": {"steps": 5, "lives": 2},
    "population": {"size": 16, "tile": 8},
    "generations": 3,
    "best_of_k": {"keep": 2, "lives": 8, "archive": 4},
    "record": {"validate_lives": 16, "tensorboard": False},
}
"""As a config has it."""
WORLD = Bandit(arms=3, pulls=5)
SEARCHES = {"low_rank": {"name": "low_rank", "sigma": 0.2}, "SNES": {"name": "SNES"}}


def gru(**settings):
    return Gru(WORLD.spec, hidden=4, **settings)


def evolved(**changes):
    given = {"agent": gru(), "environment": WORLD, "seed": 3, **SIZES, **FEW}
    return evolife.evolve(**given | changes)


@pytest.mark.fast
@pytest.mark.parametrize("name", SEARCHES)
def test_the_bits_are_those_of_the_config_that_says_the_same(name, tmp_path):
    strategy = SEARCHES[name]
    found = evolved(strategy=strategy)
    config = SAME | {"strategy": strategy}
    run = evolife.train(config, out=tmp_path / "run", ranks=1)
    lines = metrics.read(run.path / "metrics.jsonl")
    assert [m["digest"] for m in found.metrics] == [one["digest"] for one in lines]
    assert found.digest == lines[-1]["digest"]
    for key in ("fitness/best", "validation/mean", "life/best"):
        assert [m.get(key) for m in found.metrics] == [one.get(key) for one in lines]
    for ours, theirs in zip(found.champions, run.champions, strict=True):
        assert (ours.held_out, ours.selected) == (theirs.held_out, theirs.selected)
        assert ours.interval == tuple(theirs.interval)


def test_objects_are_taken_as_classes_and_as_they_are():
    """An agent's class is built with the environment's spec; a strategy is no name."""
    whole = evolved(agent=Gru, environment=Bandit, steps=10, generations=1)
    assert whole.experiment.agent == Gru(Bandit().spec)
    template = whole.experiment.template()
    given = LowRank(16, template, CenteredRank())
    same = evolved(
        agent=Gru, environment=Bandit, steps=10, generations=1, strategy=given
    )
    assert same.digest == whole.digest
    built = evolved(
        agent=Gru, environment=Bandit, steps=10, generations=1, strategy=LowRank
    )
    assert built.digest == whole.digest
    other = evolved(selection="nes", generations=1)
    assert evolved(generations=1).digest != other.digest


TYPED = """
import dataclasses
import jax.numpy as jnp
from evolife.base import Agent, Continuous, Environment, Spec, TimeStep

class Aim(Environment):
    @property
    def spec(self): return Spec(1, Continuous(1, -1.0, 1.0))
    @property
    def reward_range(self): return -4.0, 0.0
    def sensed(self, reward):
        return TimeStep(jnp.ones(1), jnp.float32(reward), jnp.bool_(False))
    def reset(self, key): return jnp.int32(0), self.sensed(0.0)
    def step(self, state, action, key):
        return state + 1, self.sensed(-jnp.sum((action - 0.5) ** 2))

class Constant(Agent):
    def init_genome(self, key): return jnp.zeros((1, 2))
    def init_state(self, genome, key): return ()
    def step(self, genome, state, timestep, key):
        return state, jnp.tanh(genome @ jnp.ones(2))
"""


STRATEGY = """'''Low rank, but bold.'''
import dataclasses
from evolife.strategies.low_rank import LowRank

@dataclasses.dataclass(frozen=True)
class Bold(LowRank):
    sigma: float = 0.2
"""


def test_a_strategy_in_a_folder_of_plugins_is_found_by_its_name(tmp_path):
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "bold.py").write_text(STRATEGY)
    found = evolved(generations=1, strategy="bold", plugins=tmp_path)
    assert found.digest == evolved(generations=1, strategy=SEARCHES["low_rank"]).digest
    assert found.experiment.strategy.name == "bold"


def test_classes_that_lie_in_no_file_evolve():
    """As those of a notebook cell; the optimum of their task is known: 0.5, and 0."""
    cell = {"__name__": "__main__"}
    exec(compile(TYPED, "<cell>", "exec"), cell)
    found = evolved(
        agent=cell["Constant"],
        environment=cell["Aim"](),
        population=64,
        tile=32,
        lives=1,
        generations=60,
    )
    best = found.champions[0]
    assert best.one_life > -1e-2 * 5 and np.isnan(best.held_out), "all lives are equal"
    action = np.tanh(np.asarray(found.genome).sum())
    assert action == pytest.approx(0.5, abs=0.05)
    cell["Constant"].init_genome = lambda self, key: jnp.zeros((1, 2), jnp.int32)
    with pytest.raises(InvalidInput, match=r"int32\[1, 2\], must be float32"):
        evolved(agent=cell["Constant"], environment=cell["Aim"]())


REFUSED = {
    "population.size = 0": {"population": 0},
    "lifetime.steps": {"steps": 2.5},
    "did you mean 'low_rank'": {"strategy": "low_rnk"},
    "did you mean 'sigma'": {"strategy": {"name": "low_rank", "sgima": 1}},
    "strategy = 7": {"strategy": 7},
    "strategy = <class 'int'>: must be": {"strategy": int},
    "agent = 'gru': must be an Agent": {"agent": "gru"},
    "environment = 3: must be an Environment": {"environment": 3},
    "ends before one trial": {"steps": 3},
    "the agent was built for": {"environment": Bandit(arms=4, pulls=5)},
    r"archive \(1\) must be at least keep": {"archive": 1},
    "16 members; make both the same": {"population": 8, "strategy": None},
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_does_not_fit_is_refused(words):
    changes = dict(REFUSED[words])
    if changes.get("strategy", 0) is None:
        template = jnp.zeros((2, 2))
        changes["strategy"] = LowRank(16, {"w": template}, CenteredRank())
    with pytest.raises(InvalidInput, match=words):
        evolved(**changes)


@dataclasses.dataclass(frozen=True)
class Rotten(Bandit):
    """Pays what is no number."""

    def step(self, state, action, key):
        state, sensed = super().step(state, action, key)
        return state, sensed._replace(reward=jnp.float32(jnp.nan))


def test_nothing_finite_is_an_error_that_says_so():
    with pytest.raises(EvolifeError, match="finite"), pytest.warns(UserWarning):
        evolved(environment=Rotten(arms=3, pulls=5))


SCRIPT = """
from tests.run.test_evolve import evolved
from evolife.agents.gru import Gru
class Own(Gru):
    pass
seen = []
for seed in (3, 4):
    found = evolved(
        agent=Own, seed=seed, on_generation=lambda m, run: seen.append(m["generation"])
    )
    print(found.digest, found.champions[0].held_out, len(seen), flush=True)
"""


@pytest.mark.mpi
def test_ranks_share_the_work_of_a_script(tmp_path):
    """The same bits on every rank as alone, twice in one world; one rank is told."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    root = str(evolife.__path__[0]).rsplit("/", 1)[0]
    said = []
    for ranks in (1, 3):
        before, more = mpirun(ranks) if ranks > 1 else ([], {})
        env = environment(**more, PYTHONPATH=root, TMPDIR=str(tmp_path))
        command = [*before, sys.executable, str(script)]
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        said.append(sorted(done.stdout.splitlines()))
    alone = said[0]
    told = [line.rsplit(" ", 1) for line in said[1]]
    for line in alone:
        digest, count = line.rsplit(" ", 1)
        counts = sorted(int(n) for words, n in told if words == digest)
        assert counts == [0, 0, int(count)]


# --- hooks


def test_a_logger_of_ones_own_is_ten_lines(tmp_path):
    """Metrics of every generation, in a file; the same from evolve and from train."""

    def logger(path):
        def log(metrics, run):
            with path.open("a") as file:
                if metrics["generation"] == 1:
                    file.write(json.dumps({"config": run["config"]}) + "\n")
                file.write(json.dumps(metrics) + "\n")

        return log

    evolved(on_generation=logger(tmp_path / "evolve"))
    out = tmp_path / "run"
    evolife.train(SAME, out=out, ranks=1, on_generation=logger(tmp_path / "train"))
    ours, theirs = (
        [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        for name in ("evolve", "train")
    )
    assert ours[0]["config"]["seed"] == theirs[0]["config"]["seed"] == 3
    lines = metrics.read(out / "metrics.jsonl")
    assert theirs[1:] == lines
    assert [m["digest"] for m in ours[1:]] == [m["digest"] for m in lines]


def test_a_hook_that_fails_ends_evolve_but_no_run(tmp_path):
    calls = []

    def failing(metrics, run):
        calls.append(metrics["generation"])
        raise RuntimeError("the server is down")

    with pytest.raises(RuntimeError, match="server"):
        evolved(on_generation=failing)
    out = tmp_path / "run"
    with pytest.warns(UserWarning, match="failing failed and is not called again"):
        run = evolife.train(SAME, out=out, ranks=1, on_generation=failing)
    assert calls == [1, 1] and len(metrics.read(out / "metrics.jsonl")) == 3
    assert run.champions
    with pytest.raises(InvalidInput, match="on_generation with 2 ranks"):
        evolife.train(SAME, ranks=2, on_generation=failing)


def test_an_installed_package_is_told_of_every_run(tmp_path, monkeypatch):
    package = tmp_path / "packages"
    (package / "told-1.0.dist-info").mkdir(parents=True)
    (package / "told.py").write_text(
        "seen = []\n"
        "def log(metrics, run): seen.append((metrics['generation'], run['folder']))\n"
    )
    info = package / "told-1.0.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: told\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\nlog = told:log\nlost = told:nothing_there\n"
    )
    monkeypatch.syspath_prepend(str(package))
    out = tmp_path / "run"
    with pytest.warns(UserWarning, match="told:nothing_there .* cannot be loaded"):
        evolife.train(SAME, out=out, ranks=1)
    import told

    assert told.seen == [(g, str(out)) for g in (1, 2, 3)]


def test_the_contract_is_what_is_promised():
    """Names that users rely on."""
    found = evolved(generations=1)
    low, high = found.champions[0].interval
    assert low <= found.champions[0].held_out <= high
    assert found.metrics[0]["generation"] == 1 and len(found.digest) == 16
    assert isinstance(found.experiment.agent, base.Agent)
