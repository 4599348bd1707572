"""The numbers behind a report, against closed forms and plain computations."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evolife.config.layers import flat
from evolife.reports.drawing import spread
from evolife.reports.fitness import lowest_shown, smooth
from evolife.reports.groups import Band, band, groups
from evolife.reports.importance import importances
from evolife.reports.parallel import scaled
from evolife.reports.report import report
from evolife.reports.study import read_study
from evolife.reports.words import apart, duration, folded, short_names, value
from evolife.results.history import POINTS, read_history
from tests.report_tools import Page, champion, lines, make_run, make_sweep

# --- groups and bands


def test_runs_that_differ_in_the_seed_are_one_group(tmp_path: Path) -> None:
    entries = [
        (f"{name}-{seed}", {"agent": {"name": name}, "seed": seed})
        for seed in range(3)
        for name in ("reflex", "gru")
    ]
    sweep = make_sweep(tmp_path / "sweep", entries)
    for name, parameters in entries:
        score = 5.0 if name.startswith("gru") else 2.0
        make_run(sweep.run(name).path, rows=[champion(score + parameters["seed"])])
    study = read_study([tmp_path / "sweep"])
    found = groups(study)
    assert [(g.number, g.label, len(g.runs)) for g in found] == [
        (1, "agent gru", 3),
        (2, "agent reflex", 3),
    ]
    assert [g.metric for g in found] == [6.0, 3.0]
    found = importances(study)
    # Scores are 2, 3, 4 and 5, 6, 7: 13.5 of 17.5 between agents, 4 between seeds.
    assert found.share["agent"] == pytest.approx(13.5 / 17.5)
    assert "not enough runs" in found.reason["seed"]
    assert list(found.index) == ["agent", "seed"] and np.isnan(found.share["seed"])


def test_less_is_better_where_the_goal_says_so(tmp_path: Path) -> None:
    entries = [(name, {"agent.hidden": i}) for i, name in enumerate("ab")]
    metric = {"name": "regret", "goal": "minimize"}
    sweep = make_sweep(tmp_path / "sweep", entries, metric=metric)
    for (name, _), regret in zip(entries, (4.0, 3.0), strict=True):
        records = [line | {"regret": regret} for line in lines([1.0, 2.0])]
        make_run(sweep.run(name).path, records=records)
    study = read_study([tmp_path / "sweep"])
    assert [run.name for run in study.ranked] == ["b", "a"]
    assert [group.metric for group in groups(study)] == [3.0, 4.0]


def series(values, steps=None) -> pd.Series:
    """A curve over as many environment steps, or over ``steps``."""
    steps = np.arange(1.0, 1 + len(values)) if steps is None else steps
    return pd.Series(np.array(values, float), steps)


def test_a_band_is_the_range_and_from_four_seeds_the_middle_half() -> None:
    steps = np.arange(1.0, 6.0)
    three = band([series(steps * factor) for factor in (3.0, 1.0, 2.0)])
    assert np.array_equal(three.lines.index, steps)
    for name, factor in (("middle", 2), ("low", 1), ("high", 3)):
        assert np.array_equal(three.lines[name], factor * steps)
    five = band([series(steps * factor) for factor in (5, 1, 2, 4, 3)])
    for name, factor in (("middle", 3), ("low", 2), ("high", 4)):
        assert np.array_equal(five.lines[name], factor * steps)
    assert (three.spread, five.spread) == ("range of 3 seeds", "middle half of 5 seeds")


def test_a_band_reaches_as_far_as_all_its_curves_and_keeps_gaps() -> None:
    long, short = np.arange(1.0, 11.0), np.arange(1.0, 7.0)
    found = band([series(long), series(short + 2)]).lines["middle"]
    assert np.array_equal(found.index, short)
    assert np.array_equal(found, short + 1)
    gap = np.where(short == 3, math.nan, short)
    found = band([series(long), series(gap)]).lines["middle"].to_numpy()
    assert np.isnan(found[2]) and np.isfinite(found[[0, 1, 3, 4]]).all()


def test_a_few_very_low_values_do_not_flatten_the_rest() -> None:
    def one(values) -> Band:
        return band([series(values)])

    steps = np.arange(100.0)
    assert lowest_shown([one(steps)]) is None
    deep = np.where(steps < 10, -1e6, steps)
    floor = lowest_shown([one(deep)])
    assert floor is not None and 0 < floor < np.percentile(deep, 25)
    assert lowest_shown([one(np.where(steps == 3, -1e6, 2.0))]) is None


def test_lone_runs_are_compared_by_what_differs_in_their_configs(
    tmp_path: Path,
) -> None:
    for name, seed, hidden in (("a", 0, 8), ("b", 1, 8), ("c", 0, 16)):
        agent = {"name": "gru", "hidden": hidden}
        make_run(tmp_path / name, name=name, seed=seed, agent=agent, claim=name)
    study = read_study([tmp_path / name for name in "abc"])
    assert study.parameters == ("seed", "agent.hidden")
    assert sorted(len(group.runs) for group in groups(study)) == [1, 2]
    assert flat({"a": {"b": {"c": 1}, "d": []}}) == {"a.b.c": 1, "a.d": []}


# --- metrics.jsonl


def test_curves_are_thinned_and_extremes_are_not(tmp_path: Path) -> None:
    fitness = np.random.default_rng(3).normal(size=2_503).tolist()
    fitness[1234] = 50.0
    path = make_run(tmp_path / "run", fitness) / "metrics.jsonl"
    found = read_history(path)
    assert len(found.lines) == 2_503 and found.damaged == 0
    generations = found.curve("generation").astype(int)
    assert POINTS / 2 < len(generations) <= POINTS
    assert generations.iloc[-1] == 2_503
    kept = np.array(fitness)[generations - 1]
    assert np.array_equal(found.curve("fitness/mean"), kept)
    assert found.lines["fitness/mean"].max() == 50.0
    assert found.lines["fitness/mean"].min() == min(fitness)
    assert found.last("fitness/best") == fitness[-1] + 1


def test_gaps_torn_and_damaged_lines(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", [1.0, None, 3.0]) / "metrics.jsonl"
    text = path.read_text()
    path.write_text('nonsense\n{"generation": 9, "fit\n' + text + '{"generation": 4, ')
    found = read_history(path)
    assert (len(found.lines), found.damaged, found.problem) == (3, 2, "")
    means = found.curve("fitness/mean").to_numpy()
    assert np.isnan(means[1]) and means[[0, 2]].tolist() == [1.0, 3.0]
    none = read_history(tmp_path / "none")
    assert (len(none.lines), none.problem, none.last("generation")) == (0, "", None)


def test_a_file_that_cannot_be_read_is_told_from_one_that_is_not_there(
    tmp_path: Path,
) -> None:
    path = make_run(tmp_path / "run")
    (path / "metrics.jsonl").unlink()
    (path / "metrics.jsonl").mkdir()
    why = "metrics.jsonl cannot be read: Is a directory"
    assert read_history(path / "metrics.jsonl").problem == why
    assert report([path])["left_out"] == [{"run": "run", "reason": why}]


@pytest.mark.parametrize("every", [1, 7, 1000])
def test_every_point_of_the_validation_curve_is_kept_until_there_are_many(
    tmp_path: Path, every: int
) -> None:
    """Also where they lie on none of the lines that fitness is thinned to."""
    records = lines(range(1, 3002))
    wanted = [r for r in records if r["generation"] % every == 3 % every]
    for record in wanted:
        record["validation/mean"] = float(record["generation"])
    records[5]["validation/mean"] = None
    path = make_run(tmp_path / "run", records=records) / "metrics.jsonl"
    curve = read_history(path).curve("validation/mean")
    steps, scores = curve.index, curve.to_numpy()
    assert (np.diff(steps) > 0).all() and len(steps) == len(scores) <= POINTS
    told = dict(zip((r["env_steps"] for r in records), records, strict=True))
    assert [told[s]["validation/mean"] for s in steps] == scores.tolist()
    assert scores[-1] == wanted[-1]["generation"]
    assert len(wanted) > POINTS or len(scores) == len(wanted)


def test_the_centre_has_the_first_panel_where_any_run_has_its_curve(
    tmp_path: Path,
) -> None:
    records = lines([1.0, 2.0, 3.0])
    plain = make_run(tmp_path / "plain", records=records)
    for record, score in zip(records, [1.0, None, 4.0], strict=True):
        record["validation/mean"] = score
    shown = make_run(tmp_path / "shown", records=records)
    told = {p: Page(Path(report([p])["page"])).text for p in (plain, shown)}
    assert "On top the strategy's centre" in told[shown]
    assert "the strategy's centre" not in told[plain]


def test_numbers_are_those_that_json_reads(tmp_path: Path) -> None:
    path = tmp_path / "m"
    values = [1e-300, -2.5, 3, 1.7976931348623157e308, -0.0, 1e400, math.nan, None]
    rows = [{"generation": i, "env_steps": i, "x": v} for i, v in enumerate(values)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_history(path, ["x"]).curve("x")
    expected = [v if v is not None and math.isfinite(v) else math.nan for v in values]
    assert np.array_equal(found, np.array(expected, float), equal_nan=True)


def test_the_first_and_the_last_recorded_life(tmp_path: Path) -> None:
    records = lines(range(1, 11), life_every=3)
    path = make_run(tmp_path / "run", records=records) / "metrics.jsonl"
    found = read_history(path)
    first, last = found.lives
    assert (first.generation, last.generation) == (3, 9)
    assert first.best.tolist() == records[2]["life/best"]
    assert last.median.tolist() == records[8]["life/median"]


# --- places and words


def test_labels_keep_their_distance_their_order_and_the_axis() -> None:
    places = sorted(np.random.default_rng(4).uniform(-0.2, 1.2, 9))
    moved = spread(places, 0.1)
    assert np.all(np.diff(moved) > 0.1 - 1e-9)
    assert moved[0] > -1e-9 and moved[-1] < 1 + 1e-9
    assert spread([0.2, 0.8], 0.1).tolist() == [0.2, 0.8]


def test_axes_place_numbers_by_size_or_by_decade_and_words_in_order() -> None:
    assert scaled([1, 2, 3]).heights.tolist() == [0, 0.5, 1]
    assert scaled([0.001, 0.01, 0.1]).heights == pytest.approx([0, 0.5, 1])
    words = scaled(["b", None, "a", True])
    assert len(set(words.heights)) == 4
    assert dict(words.ticks)[float(words.heights[0])] == "b"
    many = scaled(list(np.linspace(3, 29, 20)))
    for height, label in many.ticks:
        assert 3 + height * 26 == pytest.approx(float(label))
    assert 3 <= len(many.ticks) <= 8
    decades = scaled(list(np.geomspace(0.002, 0.9, 20))).ticks
    assert [label for _, label in decades] == ["0.003", "0.01", "0.03", "0.1", "0.3"]
    for height, label in decades:
        assert 0.002 * 450**height == pytest.approx(float(label))


def test_words() -> None:
    names = short_names(["agent.hidden", "strategy.lr", "env.lr", "selection.name"])
    assert list(names.values()) == ["hidden", "strategy.lr", "env.lr", "selection"]
    assert short_names(["agent", "agent.name"])["agent.name"] == "agent.name"
    assert apart([{"name": "gru", "a": {"b": 1}}, {"name": "gru", "a": {"b": 2}}]) == [
        "a.b 1",
        "a.b 2",
    ]
    assert apart(["x", None, 2]) == ["x", "–", "2"]  # noqa: RUF001, nothing there
    assert value({"name": "gru", "hidden": 32}) == "gru, hidden 32"
    assert (value([32]), value(True), value(0.1 + 0.2)) == ("[32]", "true", "0.3")
    assert [duration(s) for s in (2.5, 245, 7380)] == [
        "2.5 s",
        "4 min 05 s",
        "2 h 03 min",
    ]
    assert folded("one two three", 8, 2) == "one two\nthree"
    cut = folded("one two three four", 8, 2).split("\n")
    assert len(cut) == 2 and max(map(len, cut)) <= 8 and cut[1].endswith("…")


def test_long_curves_are_running_means() -> None:
    """Of 100 points over 5; at the ends over those that there are; gaps stay."""

    def smoothed(curve) -> np.ndarray:
        return smooth(series(curve)).to_numpy()

    curve = np.sin(np.arange(100.0))
    found = smoothed(curve)
    assert found[50] == pytest.approx(curve[48:53].mean())
    assert found[0] == pytest.approx(curve[:3].mean())
    assert smoothed(np.full(100, 7.0)) == pytest.approx(7.0)
    curve[50] = np.nan
    gap = smoothed(curve)
    assert np.isnan(gap[50]) and np.isfinite(np.delete(gap, 50)).all()
    assert gap[51] == pytest.approx(curve[[49, 51, 52, 53]].mean())
    # What leaves the window leaves nothing behind, however large it was.
    curve[60] = -1e200
    assert smoothed(curve)[70:] == pytest.approx(found[70:])
    short = np.arange(49.0)
    assert (smoothed(short) == short).all()
