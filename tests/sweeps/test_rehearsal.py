"""A sweep is refused before its first run where train would refuse any of them."""

import json
import re

import pytest

from evolife.cli import main
from evolife.config.model import load_config
from evolife.errors import EvolifeError, InvalidInput
from evolife.plugins.build import build_run
from evolife.run import rehearsal as builder
from evolife.run.readiness import check_metric, ready
from evolife.storage import metric_names
from evolife.sweeps import rehearsal
from evolife.sweeps.prepare import predicted, prepare
from evolife.sweeps.rehearsal import refuse, rehearse
from tests.sweep_tools import SMALL, write_sweep


@pytest.fixture
def here(monkeypatch):
    """Let this process do what another one would, which takes seconds to start."""

    def run(command, input, **_):
        answer = json.dumps(builder.answer(json.loads(input)))
        return rehearsal.subprocess.CompletedProcess(command, 0, answer, "")

    monkeypatch.setattr(rehearsal.subprocess, "run", run)


def sweep_of(folder, parameters, *overrides, **settings):
    found = prepare(str(write_sweep(folder, parameters, **settings)), overrides)
    return found.sweep, found.entries


REFUSED = {
    "agent.hidden": ([[4], "many"], "must be a list"),
    "agent.sample": ([True, "true"], 'agent.sample = "true"'),
    "lifetime.steps": ([4, 2], "a life of 2 steps"),
    "strategy": ([{"name": "low_rank"}, {"name": "CMA_ES", "sgima": 1}], "sgima"),
    "wrap": ([[], [{"hide": [99]}]], "hide"),
    "record.film_every": ([None, 3], "film_every"),
    "env.name": (["bandit", "bandot"], "mean 'bandit'"),
    "control": ([None, {"env": {"arms": 1}}], "env.arms"),
}


@pytest.mark.parametrize("key", REFUSED)
def test_what_train_would_refuse_is_refused_beforehand(tmp_path, here, key):
    values, words = REFUSED[key]
    small = [one for one in SMALL if not one.startswith("record")]
    with pytest.raises(InvalidInput, match=re.escape(words)) as caught:
        refuse(*sweep_of(tmp_path, {key: {"values": values}}, *small))
    with pytest.raises(InvalidInput, match=re.escape(words)):
        ready(load_config("bandit", [*small, f"{key}={json.dumps(values[1])}"]))
    refuse(*sweep_of(tmp_path, {key: {"values": values[:1]}}, *small))
    assert "None" not in str(caught.value)


def test_those_refused_are_listed_by_reason_and_each_is_built_once(
    tmp_path, here, monkeypatch
):
    built = []
    check = builder._refusal

    def counted(config, *rest):
        built.append(config)
        return check(config, *rest)

    monkeypatch.setattr(builder, "_refusal", counted)
    grid = {"agent.hidden": {"values": [[3], "many", [4]]}, "seed": {"range": [0, 5]}}
    with pytest.raises(InvalidInput) as caught:
        refuse(*sweep_of(tmp_path, grid, *SMALL))
    told = str(caught.value)
    assert "5 of 15 runs would be refused; none is started" in told
    assert re.search(r"hidden_many-seed_0-\w+, .* and 2 more: .*agent.hidden", told)
    assert len(built) == 3, "a seed makes no other run"


def test_the_time_for_it_is_bounded_and_every_value_comes_first(tmp_path, here):
    grid = {"seed": {"range": [0, 3]}, "agent.hidden": {"values": [[3], [4], "many"]}}
    sweep, entries = sweep_of(tmp_path, grid, *SMALL)
    assert rehearse(sweep, entries, seconds=-1.0).checked == 1
    order = list(rehearsal.ordered(entries))
    first = order[:5]
    assert {str(e.parameters["agent.hidden"]) for e in first} == {"[3]", "[4]", "many"}
    assert {e.parameters["seed"] for e in first} == {0, 1, 2}
    assert sorted(order, key=str) == sorted(entries, key=str)
    assert rehearse(sweep, []).checked == 0


def test_a_search_is_refused_where_nothing_it_could_draw_would_run(tmp_path, here):
    given = {"method": "bayes", "run_cap": 3}
    wrong = {"strategy.sigma": {"min": -2.0, "max": -1.0}}
    with pytest.raises(InvalidInput, match="6 of 6 runs that were drawn"):
        refuse(*sweep_of(tmp_path, wrong, *SMALL, **given))
    mixed = {"strategy.sigma": {"min": -1.0, "max": 1.0}}
    found = refuse(*sweep_of(tmp_path, mixed, *SMALL, **given))
    assert 0 < len(found.refused) < 6


def test_the_time_of_a_search_is_that_of_the_runs_it_draws(tmp_path):
    """Not of the base, which is 800 generations of 1,024 members."""
    pinned = {"generations": {"value": 3}, "population.size": {"value": 32}}
    pinned["seed"] = {"min": 0, "max": 5}
    spoken = {}
    for method in ("bayes", "random"):
        folder = tmp_path / method
        folder.mkdir()
        given = {"method": method, "run_cap": 2, "base": "bandit"}
        spoken[method] = predicted(prepare(str(write_sweep(folder, pinned, **given))))
    assert spoken["bayes"] == spoken["random"]


def test_a_dry_run_and_a_sweep_refuse_alike_and_make_nothing(tmp_path, capsys, here):
    path = write_sweep(tmp_path, {"agent.hidden": {"values": [[3], 50.0]}})
    words = ["sweep", str(path), *SMALL, "--out", str(tmp_path / "out")]
    told = []
    for more in (["--dry-run"], []):
        with pytest.raises(SystemExit) as caught:
            main([*words, *more])
        assert caught.value.code == 2
        told.append(capsys.readouterr())
    assert told[0] == told[1] and told[0].out == ""
    assert "1 of 2 runs would be refused" in told[0].err
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_a_check_that_dies_is_no_agreement(tmp_path, monkeypatch):
    """Where JAX has no device, and where the process is killed."""
    one = sweep_of(tmp_path, {"seed": {"value": 1}}, *SMALL)
    monkeypatch.setenv("JAX_PLATFORMS", "no_such_device")
    with pytest.raises(InvalidInput, match=r"^JAX_PLATFORMS=no_such_device: .*=cpu"):
        refuse(*one)
    for said in ("", "Traceback\nMemoryError\n", "evolife: warning: x\nMemoryError"):
        dead = rehearsal.subprocess.CompletedProcess([], -9, "", said)
        monkeypatch.setattr(rehearsal.subprocess, "run", lambda *_, d=dead, **__: d)
        with pytest.raises(EvolifeError, match=r"cannot be checked: ") as caught:
            refuse(*one)
        assert caught.value.exit_code == 1
        assert str(caught.value).endswith("MemoryError" if said else "code -9")


def test_a_dry_run_of_train_checks_forecasts_and_makes_nothing(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    more = ("population={size: 16}", "record.validate_every=auto", "--ranks", "1")
    words = ["train", "bandit", *SMALL, *more]
    assert main([*words, "--dry-run", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    made = build_run(load_config("bandit", [*SMALL, *more[:2]]))
    assert report["config"] == made.config.model_dump(mode="json")
    assert report["units"] == made.experiment.grid.units and not report["resume"]
    assert report["env_steps"] == 16 * 2 * 4 * 3
    low, high = report["predicted"]["range"]
    assert low <= report["predicted"]["seconds"] <= high
    assert main([*words, "--dry-run", "control={seed: 3}"]) == 0
    told = capsys.readouterr().out
    assert "and its control bandit-control" in told and "(not made)" in told
    assert [*tmp_path.iterdir()] == []
    assert main([*words, "--resume-or-start", "run"]) == 0
    capsys.readouterr()
    assert main([*words, "generations=7", "--resume-or-start", "run", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "run (there, to go on with after generation 3: 4 left)" in told
    spoilt = {
        "generations=2": "has lived 3 already",
        "record.validate_lives=64": "the curve of run is of 128 lives",
    }
    for change, why in spoilt.items():
        with pytest.raises(SystemExit):
            main([*words, change, "--resume", "run", "--dry-run"])
        assert why in capsys.readouterr().err
    (tmp_path / "taken").write_text("precious")
    refused = (["--out", "taken"], ["agent.hidden=many"], ["env.pulls=5"])
    for more in refused:
        with pytest.raises(SystemExit) as caught:
            main([*words, *more, "--dry-run"])
        assert caught.value.code == 2 and capsys.readouterr().out == ""


# --- settings that follow others

FOLLOWING = [
    (["population.size=16"], "population.tile", 16),
    (["population={size: 16}"], "population.tile", 16),
    (["population.size=16", "population.size=128"], "population.tile", 64),
    (["best_of_k.keep=64"], "best_of_k.archive", 64),
]


@pytest.mark.parametrize(("overrides", "key", "wanted"), FOLLOWING)
def test_what_nobody_chose_follows_what_was_chosen(overrides, key, wanted):
    section, name = key.split(".")
    found = load_config("bandit", overrides)
    assert getattr(getattr(found, section), name) == wanted
    build_run(found)


def test_what_was_chosen_stays_and_is_refused(tmp_path):
    for order in (1, -1):
        words = ["population.size=16", "population.tile=64"][::order]
        with pytest.raises(InvalidInput, match="tile holds at most the 16 members"):
            build_run(load_config("bandit", words))
    with pytest.raises(InvalidInput, match=r"archive \(1\) must be at least keep"):
        load_config("bandit", ["best_of_k.archive=1"])


def test_a_runs_own_config_may_be_used_for_a_smaller_one(tmp_path):
    """It holds every default, and the tile that a larger population was given."""
    path = tmp_path / "config.yaml"
    built = build_run(load_config("bandit", ["population.tile=auto"]))
    path.write_text(built.config.to_yaml())
    pinned = load_config(str(path)).population.tile
    assert pinned != "auto" and pinned > 4
    assert load_config(str(path), ["population.size=4"]).population.tile == 4
    larger = load_config(str(path), ["population.size=4096"])
    assert larger.population.tile == pinned


def test_a_control_and_the_runs_of_a_sweep_follow_too(tmp_path, here):
    found = ready(load_config("bandit", ["control={population: {size: 16}}"]))
    assert found[1].config.population.tile == 16
    sizes = {"population.size": {"values": [16, 128]}}
    refuse(*sweep_of(tmp_path, sizes, "control=null"))


def test_films_go_with_the_dashboard_that_shows_them(tmp_path):
    path = tmp_path / "filmed.yaml"
    film = ["record.film_every=3", "record.tensorboard=true"]
    path.write_text(load_config("mover", film).to_yaml())
    assert (
        load_config(str(path), ["record.tensorboard=false"]).record.film_every is None
    )
    with pytest.raises(InvalidInput, match="film_every"):
        load_config(str(path), ["record.tensorboard=false", film[0]])


def test_an_archive_of_which_nothing_is_said_has_room(tmp_path):
    path = tmp_path / "own.yaml"
    text = load_config("bandit").model_dump(mode="json")
    path.write_text(json.dumps(text | {"best_of_k": {"keep": 40}}))
    assert load_config(str(path)).best_of_k.archive == 40
    path.write_text(json.dumps(text | {"best_of_k": {"keep": 3}}))
    assert load_config(str(path)).best_of_k.archive == 32


# --- metrics


def test_an_unknown_metric_is_refused_with_the_nearest(tmp_path, here):
    one = {"seed": {"value": 1}}
    with pytest.raises(InvalidInput, match="did you mean 'fitness/best'"):
        refuse(*sweep_of(tmp_path, one, *SMALL, metric={"name": "fitness/bets"}))
    search = {"method": "bayes", "run_cap": 3, "metric": {"name": "best_eval"}}
    with pytest.raises(InvalidInput, match=r"metric\.name = best_eval: no such metric"):
        refuse(*sweep_of(tmp_path, one, *SMALL, **search))
    rule = {"metric": {"name": "fitness/men"}, "early_terminate": {"min_iter": 1}}
    with pytest.raises(InvalidInput, match="did you mean 'fitness/mean'"):
        refuse(*sweep_of(tmp_path, one, *SMALL, **rule))


def test_metrics_of_the_environment_are_known(tmp_path):
    """Those of details are there where and when details are recorded."""
    made = build_run(load_config("oven")).experiment
    own = "served"
    for name in (
        *metric_names.OF_CHAMPIONS,
        *metric_names.OF_GENERATIONS,
        f"best/{own}",
    ):
        check_metric(made, name, None)
    for name in metric_names.OF_CHAMPIONS:
        with pytest.raises(InvalidInput, match="no such metric"):
            check_metric(made, name, 1)
    seldom = build_run(
        load_config("oven", ["record.every=7", "generations=20"])
    ).experiment
    for when, asked in ((None, 20), (9, 9)):
        with pytest.raises(InvalidInput, match=f"not at generation {asked}"):
            check_metric(seldom, f"best/{own}", when)
    check_metric(seldom, f"best/{own}", 7)
    curve = build_run(load_config("oven", ["record.validate_every=4"])).experiment
    none = build_run(load_config("oven", ["record.validate_every=null"])).experiment
    for name in metric_names.OF_VALIDATION:
        check_metric(made, name, None)
        check_metric(curve, name, None)
        check_metric(curve, name, 8)
        with pytest.raises(InvalidInput, match=r"validate_every to a divisor of 9"):
            check_metric(curve, name, 9)
        with pytest.raises(InvalidInput, match=r"with record.validate_every: null"):
            check_metric(none, name, None)
    check_metric(seldom, "fitness/mean", 9)
