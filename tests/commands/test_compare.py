"""Runs, sweeps and agents are compared in pairs where they share a life or a seed."""

import json

import numpy as np
import pytest
from scipy import stats

import evolife
from evolife.cli import main
from evolife.errors import InvalidInput
from evolife.storage import held_out
from evolife.storage.held_out import HeldOut
from evolife.storage.run_folder import RunFolder
from tests.report_tools import champion, lines, make_run, make_sweep, two_agents

LUCK = np.random.default_rng(0).normal(0, 5, 40)


def lived(path, draw, shift, **lives):
    """A run whose champion earned ``shift`` more than luck, life by life."""
    own = np.random.default_rng(draw).normal(shift, 1, len(LUCK))
    scores = (LUCK + own).astype(np.float32)
    reach = 1.96 * float(scores.std(ddof=1)) / len(scores) ** 0.5
    mean = float(scores.mean(dtype=np.float64))
    make_run(path, rows=[champion(mean, reach, lives=len(scores))])
    which = {"seed": 0, "env": {"name": "bandit"}, "wrap": [], "steps": 10, **lives}
    file = RunFolder(path).champions / held_out.FILE
    record = HeldOut(which, scores[None], np.zeros((1, 4), np.float32))
    file.write_bytes(held_out.content(record))
    return scores.astype(float)


def test_two_runs_are_paired_by_the_lives_that_both_lived(tmp_path):
    a, b = lived(tmp_path / "a", 1, 1.0), lived(tmp_path / "b", 2, 0.0)
    found = evolife.compare(tmp_path / "a", evolife.load(tmp_path / "b"))
    reference = stats.ttest_rel(a, b)
    ends = reference.confidence_interval(0.95)
    assert found["paired_by"] == found["unit"] == "life"
    assert found["p"] == pytest.approx(reference.pvalue)
    assert found["interval"] == pytest.approx([ends.low, ends.high])
    assert found["improvement"] == np.mean(a > b)
    assert found["better"] == str(tmp_path / "a")
    assert found["a"]["curve"]["env_steps"] == [640, 1280, 1920]
    assert found["b"]["curve"]["middle"] == [1.0, 2.0, 3.0]
    back = evolife.compare(tmp_path / "b", tmp_path / "a")
    assert back["difference"] == pytest.approx(-found["difference"])
    assert back["better"] == found["better"]


def test_runs_of_other_lives_are_not_paired_and_it_is_said(tmp_path):
    a = lived(tmp_path / "a", 1, 1.0)
    b = lived(tmp_path / "b", 2, 0.0, seed=1)
    found = evolife.compare(tmp_path / "a", tmp_path / "b")
    reference = stats.ttest_ind(a, b, equal_var=False)
    assert found["p"] == pytest.approx(reference.pvalue)
    assert (found["paired_by"], found["better"]) == (None, None)
    assert found["notes"][0] == "not paired: they lived other lives (another seed)"


def test_a_run_that_recorded_no_lives_is_compared_by_its_moments(tmp_path):
    make_run(tmp_path / "a", rows=[champion(2.0)])
    make_run(tmp_path / "b", rows=[champion(1.0)])
    found = evolife.compare(tmp_path / "a", tmp_path / "b")
    assert found["difference"] == 1.0 and found["p"] < 0.01
    assert "not recorded" in found["notes"][0] and found["a"]["scores"] == []


def test_the_centre_is_the_curve_to_show_where_both_sides_have_it(tmp_path, capsys):
    """On fixed lives nothing but learning moves it; its gaps are no part of it."""
    for name in "ab":
        records = lines([1.0, 2.0, 3.0])
        for record, score in zip(records, [4.0, None, 6.0], strict=True):
            record["validation/mean"] = score
        make_run(tmp_path / name, records=records)
    make_run(tmp_path / "plain")
    a, b, plain = (str(tmp_path / name) for name in ("a", "b", "plain"))
    found = evolife.compare(a, b)
    assert found["curve"] == "validation/mean"
    assert found["b"]["curve"]["env_steps"] == [640, 1920]
    assert found["b"]["curve"]["middle"] == [4.0, 6.0]
    assert main(["compare", a, b, "--picture", str(tmp_path / "it.svg")]) == 0
    assert "validation/mean 4 " in capsys.readouterr().out
    assert "validation/mean" in (tmp_path / "it.svg").read_text()
    for pair in ((a, plain), (plain, a)):
        found = evolife.compare(*pair)
        assert found["curve"] == "fitness/mean"
        assert [found[s]["curve"]["middle"] for s in "ab"] == [[1.0, 2.0, 3.0]] * 2


def test_agents_of_a_sweep_are_paired_by_seed(tmp_path):
    sweep = two_agents(tmp_path / "agents")
    found = evolife.compare(f"{sweep}:gru", f"{sweep}:agent.name=reflex")
    assert (found["unit"], found["paired_by"]) == ("run", "seed")
    assert found["a"]["scores"] == [5.0, 5.5, 6.0] and len(found["b"]["runs"]) == 3
    assert found["difference"] == pytest.approx(2.0) and found["improvement"] == 1.0
    one = evolife.compare(f"{sweep}:gru,seed=0", f"{sweep}:reflex-1")
    assert one["unit"] == "life" and one["difference"] == pytest.approx(1.5)


def test_sweeps_are_paired_by_what_varies_within_them(tmp_path):
    first, second = two_agents(tmp_path / "x"), two_agents(tmp_path / "y")
    (second / "runs" / "gru-2" / "champions" / "champions.json").unlink()
    found = evolife.compare(first, second)
    assert found["paired_by"] == "seed and agent"
    assert found["difference"] == 0.0 and found["p"] == 1.0
    assert len(found["a"]["scores"]) == len(found["b"]["scores"]) == 5
    assert f"{second}: no champions in gru-2" in found["notes"]
    assert f"{first}: without a partner, gru-2" in found["notes"]


def test_sweeps_of_other_seeds_are_two_samples(tmp_path):
    folders = []
    for name, seeds in (("x", (0, 1, 2)), ("y", (3, 4, 5))):
        entries = [(f"s{seed}", {"seed": seed}) for seed in seeds]
        sweep = make_sweep(tmp_path / name, entries)
        for run, values in entries:
            score = float(values["seed"])
            make_run(sweep.run(run).path, rows=[champion(score)], **values)
        folders.append(tmp_path / name)
    found = evolife.compare(*folders)
    assert found["paired_by"] is None and "equal seed" in found["notes"][-1]
    assert found["p"] == pytest.approx(stats.ttest_ind([0, 1, 2], [3, 4, 5]).pvalue)


REFUSED = {
    ":lstm": "no run fits 'lstm'; allowed: gru, reflex",
    ":agent.hidden=9": "no run fits 'agent.hidden=9'; allowed: 8",
    ":agent.size=9": "no run has a setting 'agent.size'",
}


@pytest.mark.parametrize(("words", "told"), REFUSED.items())
def test_what_fits_nothing_is_refused_with_what_there_is(tmp_path, words, told):
    sweep = two_agents(tmp_path / "agents")
    with pytest.raises(InvalidInput, match=told):
        evolife.compare(sweep, f"{sweep}{words}")


def test_sides_that_cannot_be_compared_are_refused_with_a_remedy(tmp_path):
    sweep = two_agents(tmp_path / "agents")
    run = tmp_path / "agents" / "runs" / "gru-0"
    with pytest.raises(InvalidInput, match="compare it with one of them"):
        evolife.compare(run, f"{sweep}:reflex")
    with pytest.raises(InvalidInput, match="there is no folder"):
        evolife.compare(run, tmp_path / "gone")
    with pytest.raises(InvalidInput, match="is a run; only runs of a sweep"):
        evolife.compare(run, f"{run}:gru")
    make_run(tmp_path / "early", rows=[], records=[])
    with pytest.raises(InvalidInput, match="no champions yet"):
        evolife.compare(run, tmp_path / "early")
    with pytest.raises(InvalidInput, match=r"\.png or a \.svg"):
        evolife.compare(run, run, picture=tmp_path / "it.pdf")


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_command_says_it_draws_it_and_prints_strict_json(tmp_path, capsys, kind):
    lived(tmp_path / "a", 1, 1.0), lived(tmp_path / "b", 2, 0.0)
    file = tmp_path / f"it.{kind}"
    words = ["compare", str(tmp_path / "a"), str(tmp_path / "b")]
    assert main([*words, "--picture", str(file)]) == 0
    told = capsys.readouterr().out
    assert "paired by life" in told and "probability of improvement" in told
    start = {"png": b"\x89PNG", "svg": b"<?xml"}[kind]
    assert file.read_bytes().startswith(start)
    assert main([*words, "--json"]) == 0

    def refuse(word):
        raise AssertionError(word)

    found = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert found["interval"][0] < found["difference"] < found["interval"][1]
