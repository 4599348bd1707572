"""What a run will take is told by what runs like it took, and never by compiling."""

import json
import math

import pytest

from evolife.config.model import load_config
from evolife.console import progress
from evolife.processes import affinity
from evolife.storage.pace import living, pace
from evolife.storage.run_folder import RunFolder
from evolife.sweeps import forecast
from evolife.sweeps.forecast import basis, note, predict, shape
from tests.sweep_tools import SMALL


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own."""
    monkeypatch.setenv("EVOLIFE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def config(*overrides):
    return load_config("bandit", [*SMALL, *overrides])


def lived(folder, generations, seconds, compiling, sessions=1):
    """A run of so many generations, whose first one compiled."""
    run = RunFolder(folder)
    run.path.mkdir()
    lines = [
        {
            "generation": g,
            "time/generation": seconds + (compiling if g == 1 else 0.0),
            "time/compile": compiling if g == 1 else 0.0,
        }
        for g in range(1, generations + 1)
    ]
    run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    document = {"format": 1, "config_digest": "x"}
    document["sessions"] = [{"exit_reason": "done"}] * sessions
    run.manifest_path.write_text(json.dumps(document))
    return run


@pytest.mark.parametrize("compiling", [0.0, 4.0, 300.0])
def test_what_compiling_took_does_not_grow_with_the_generations(tmp_path, compiling):
    """20 generations of 0.1 s, and 5 s besides, which happen once however long."""
    short = config("generations=20")
    run = lived(tmp_path / "run", 20, 0.1, compiling)
    note(short, run, 20 * 0.1 + 5.0 + compiling, 1)
    for generations in (20, 2000):
        found = predict([config(f"generations={generations}")], 1, 1)
        wanted = 0.1 * generations + 5.0 + compiling
        assert found.seconds == pytest.approx(wanted) and found.known == 1
        assert found.low < wanted < found.high < 2 * wanted
        assert "as runs like these took" in basis(found, 1)


def test_a_forecast_rests_on_runs_of_its_kind_and_machine_alone(tmp_path, monkeypatch):
    """The seed and a step size make no other kind; a size, a machine or cores do."""
    run = lived(tmp_path / "run", 20, 1000.0, 0.0)
    note(config("generations=20"), run, 20_000.0, 1)
    like = ("seed=3", "strategy.sigma=0.5", "name=other", "record.every=2")
    assert {predict([config(one)], 1, 1).known for one in like} == {1}
    for other in (
        "agent.hidden=[5]",
        "population.size=16",
        "lifetime.steps=8",
        "strategy.rank=2",
        "strategy.name=SimpleGA",
        "control={seed: 1}",
    ):
        found = predict([config(other)], 1, 1)
        assert found.known == 0 and found.high < 200, other
        assert basis(found, 1).startswith("a guess by size alone")
    monkeypatch.setattr(affinity, "usable_cores", lambda: 64)
    assert predict([config()], 1, 1).known == 1, "a rank is bound to one core of many"
    two = predict([config(), config("agent.hidden=[5]")], 2, 2)
    assert two.known == 1 and "the others guessed" in basis(two, 2)
    here = forecast.machine()
    monkeypatch.setattr(forecast, "machine", lambda: here | {"cpu": "another"})
    assert predict([config()], 1, 1).known == 0


def test_the_median_of_the_last_runs_counts_and_all_of_them_make_the_range(tmp_path):
    for i, seconds in enumerate((999.0, 1.0, 1.2, 90.0, 1.1, 1.0)):
        run = lived(tmp_path / str(i), 10, seconds, 0.0)
        note(config("generations=10"), run, 10 * seconds, 1)
    found = predict([config("generations=10")], 1, 1)
    assert found.seconds == pytest.approx(11.0)
    assert found.low < 10.0 and 900.0 < found.high < 2000.0


def test_nothing_is_learned_of_what_does_not_tell(tmp_path, cache):
    """One generation, in which everything was compiled; and a run in two sessions."""
    note(config("generations=1"), lived(tmp_path / "a", 1, 1.0, 9.0), 20.0, 1)
    note(config(), lived(tmp_path / "b", 9, 1.0, 9.0, sessions=2), 20.0, 1)
    note(config(), RunFolder(tmp_path / "none"), 20.0, 1)
    assert predict([config()], 1, 1).known == 0
    for damage in ("[]", "{", '{"x": 31.8}', '{"x": [[1]]}', '{"x": null}'):
        cache.mkdir(exist_ok=True)
        (cache / "speeds.json").write_text(damage)
        assert predict([config()], 1, 1).known == 0


def test_runs_share_the_machine_as_they_would(tmp_path):
    """Six runs of 10 s, two at a time, take 30 s; three on two ranks each take 15 s."""
    run = lived(tmp_path / "run", 10, 1.0, 0.0)
    note(config("generations=10"), run, 10.0, 1)
    six = [config("generations=10", f"seed={i}") for i in range(6)]
    assert predict(six, 2, 2).seconds == pytest.approx(30)
    assert predict(six[:3], 1, 2).seconds == pytest.approx(15)
    assert predict([], 2, 2).seconds == 0


def test_a_guess_says_how_wrong_it_may_be():
    found = predict([config("lifetime.steps=1000000", "generations=1000")], 1, 1)
    assert found.known == 0 and found.high > 50 * found.low


def test_equal_shapes_are_equal_however_they_were_written():
    assert shape(config()) == shape(config("strategy.learning_rate=0.5"))
    assert shape(config("strategy={name: CMA_ES}")) != shape(config())


def test_a_pace_leaves_out_what_happened_before_and_pauses():
    marks = [(1, 260.0), *((g, 260.0 + 0.5 * (g - 1)) for g in range(2, 9))]
    assert pace(marks) == pytest.approx(0.5)
    assert pace([*marks, (9, 900.0), (10, 900.5)]) == pytest.approx(0.5)
    assert pace(marks[:1]) is None and pace([]) is None
    assert living({"time/generation": 9.0, "time/compile": 8.5}) == pytest.approx(0.5)
    assert living({"time/generation": None}) is None


def test_the_time_left_is_unknown_until_something_was_lived(monkeypatch):
    """A compilation of 260 s before 99 generations of a second."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    clock, told = progress.Clock(100), []
    for generation in range(1, 101):
        now[0] += 260.0 if generation == 1 else 1.0
        told.append(clock.left(generation))
    assert told[0] == "-:--" and told[1] == "1:38" and told[-1] == "0:00"
    assert progress.Clock(1).left(1) == "0:00"
    low, usual, high = 70.0, 90.0, 3600.0
    assert progress.span(low, usual, high) == "about 1:30 (1:10 to 1:00:00)"
    assert math.isfinite(predict([config()], 0, 0).seconds)
