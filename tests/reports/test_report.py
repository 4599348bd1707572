"""The page of a report: true, whole in itself, and made of whatever is there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from evolife.errors import InvalidInput
from evolife.reports.report import report
from evolife.run.verdict import compare, sentence
from tests.report_tools import (
    AGENTS,
    Page,
    champion,
    lines,
    make_run,
    make_sweep,
    table,
    two_agents,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, dict[str, Any], Page]:
    """A sweep that has ended, what was written of it, and the page."""
    path = two_agents(tmp_path_factory.mktemp("report") / "agents")
    written = report([path])
    return path, written, Page(Path(written["page"]))


def test_what_was_written_is_there_and_nothing_else(whole) -> None:
    path, written, _ = whole
    pictures = ("fitness", "life", "champions", "importance", "parameters")
    kinds = ("png", "svg")
    files = [f"{name}.{kind}" for name in pictures for kind in kinds]
    expected = ["report.html", "runs.csv", *files]
    assert sorted(p.name for p in (path / "report").iterdir()) == sorted(expected)
    for kind, key in zip(kinds, ("pictures", "svg"), strict=True):
        named = [Path(p).name for p in written[key]]
        assert named == [f"{name}.{kind}" for name in pictures]
    assert (written["runs"], written["left_out"]) == (6, [])


def test_the_headline_tells_the_best_run_and_how_far_to_trust_it(whole) -> None:
    path, _, page = whole
    assert "gru-2, held-out score 6 (95% interval 5.9 to 6.1), gap +0.2" in page.text
    assert "the best of 6 by this very score" in page.text
    assert f"evolife evaluate {path / 'runs' / 'gru-2'}" in page.text
    assert "1: agent gru, median 5.5 over 3 seeds (5 to 6)" in page.text
    assert "by grid: agent (gru; reflex), seed (0; 1; 2)" in page.text
    assert "6 runs: 6 done" in page.text


def test_what_was_swept_is_told_apart_from_what_was_set(tmp_path: Path) -> None:
    entries = [
        (f"r{i}", {"generations": 3, "sigma": i / 8, "k": "abcdefgh"[i]})
        for i in range(8)
    ]
    sweep = make_sweep(tmp_path / "s", entries, method="random")
    text = Page(Path(report([sweep.path])["page"])).text
    told = "by random: sigma (8 values, 0 to 0.875), k (a; b; c; d; e; f; 2 more)"
    assert told in text and "In all runs\ngenerations 3\n" in text


def test_the_claim_is_judged_as_train_judges_it(whole) -> None:
    _, written, page = whole
    verdict = compare(champion(6.0), champion(3.5), "it learns")
    assert f"“it learns” holds for gru-2: {sentence(verdict)}." in page.text
    test = stats.ttest_1samp([1.5, 2.0, 2.5], 0)
    low, high = test.confidence_interval(0.95)
    ends = f"+2 over the controls (95% interval {low:+.4g} to {high:+.4g})"
    assert f"{ends}, p = {test.pvalue:.2g}, paired by seed (3 pairs)" in page.text
    assert sentence(verdict).startswith("+2.5 over the control (95% interval +2.3")
    outcomes = [row["verdict"] for row in table(written["csv"])]
    assert outcomes == ["holds"] * 3 + ["fails", "undecided", "holds"]
    counted = "holds in 4, fails in 1, undecided in 1 of 6 runs with a control"
    assert counted in page.text


def test_the_table_and_the_csv_hold_the_numbers_of_the_folders(whole) -> None:
    _, written, page = whole
    for row in table(written["csv"]):
        name, _, seed = row["run"].partition("-")
        score = AGENTS[name] + int(seed) / 2
        assert json.loads(row["agent"]) == {"name": name} and row["seed"] == seed
        assert float(row["held_out"]) == score
        assert (float(row["low"]), float(row["high"])) == (score - 0.1, score + 0.1)
        assert float(row["gap"]) == pytest.approx(0.2)
        # The best member of all generations is not that of the last.
        assert float(row["best fitness/best"]) == score + 1.5
        assert (row["generation"], row["env_steps"]) == ("3", str(3 * 640))
        assert float(row["wall_s"]) == 1.5
        assert row["group"] == ("1" if name == "gru" else "2")
    shown = next(cells for cells in page.rows if cells[0] == "gru-2")
    assert shown[1:6] == ["1", "gru", "2", "done", "3"]
    assert shown[6:] == [
        *("7.5", "6", "5.9", "6.1", "0.2"),
        *("1.92k", "1.5 s", "holds", "–"),  # noqa: RUF001, what is not there
    ]
    assert sum(len(cells) == len(shown) for cells in page.rows) == 7


def test_the_shares_of_variance_are_on_the_page(whole) -> None:
    _, _, page = whole
    # 3 (1 + 1) = 6 between agents, 2 (0.25 + 0.25) = 1 within; noise 1 / 4.
    row = next(cells for cells in page.rows if cells[0] == "agent")
    assert row[1:6] == ["2 values", "6", "85.7%", "79.3%", "20.0%"]
    assert f"{(6 - 0.25) / (7 + 0.25):.1%}" == "79.3%"
    few = next(cells for cells in page.rows if cells[0] == "seed")
    assert few[-1] == "not enough runs: 6 for 3 values"


def test_the_page_needs_nothing_from_outside(whole) -> None:
    _, written, page = whole
    text = page.path.read_text()
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "data", "action"):
            assert attributes.get(name, "data:").startswith(("data:", "#"))
    assert not re.search(r"url\(|@import", text)
    pictures = page.all("img")
    assert len(pictures) == len(written["pictures"]) == 5
    assert all(str(i["src"]).startswith("data:image/png;base64,") for i in pictures)


def test_the_page_is_fit_for_phones_and_readers_and_print(whole) -> None:
    _, _, page = whole
    assert any(meta.get("name") == "viewport" for meta in page.all("meta"))
    assert page.all("html")[0]["lang"] == "en"
    words = [str(picture["alt"]) for picture in page.all("img")]
    assert (
        "Group 1: agent gru rises from 1 to 5.5 (range of 3 seeds: 5 to 6)."
        in (words[0])
    )
    assert "Best: 6 (5.9 to 6.1) of gru-2; lowest: 3 of reflex-0" in words[2]
    assert "agent 86%" in words[3]
    assert "All of the best third" in words[4] or "best run" in words[4]
    assert "@media print" in page.path.read_text()


def test_a_second_report_replaces_the_first_and_stray_files_stay(
    tmp_path: Path,
) -> None:
    path = make_run(tmp_path / "run")
    out = Path(report([path])["page"]).parent
    assert out == path / "report"
    (out / "notes.txt").write_text("mine")
    assert len(list(out.glob("life.*"))) == 2
    records = [{k: v for k, v in r.items() if "life" not in k} for r in lines([1, 2])]
    text = "".join(json.dumps(record) + "\n" for record in records)
    (path / "metrics.jsonl").write_text(text)
    report([path])
    assert not list(out.glob("life.*"))
    assert (out / "notes.txt").read_text() == "mine"
    assert table(str(out / "runs.csv"))[0]["generation"] == "2"
    assert not list(out.glob(".*"))


def test_a_single_recorded_life_is_not_compared_with_itself(tmp_path: Path) -> None:
    def told(life_every: int) -> str:
        records = lines([1.0, 2.0, 3.0, 4.0], life_every)
        path = make_run(tmp_path / str(life_every), records=records)
        return str(Page(Path(report([path])["page"])).all("img")[1]["alt"])

    # Bins b = 0 .. 7 hold 0.1 + rise b / 8; a quarter of them is two.
    last = "0.1625 to 0.9125 at the last record"
    first = f"{0.1 + 0.5 / 8 / 2:.4g} to {0.1 + 6.5 / 8 / 2:.4g} at the first record"
    assert f"All runs: {first}, {last}." in told(2)
    assert told(4).endswith(f"All runs: {last}.")


def test_files_of_others_are_not_overwritten(tmp_path: Path) -> None:
    path, out = make_run(tmp_path / "run"), tmp_path / "out"
    out.mkdir()
    (out / "runs.csv").write_text("a,b\n")
    with pytest.raises(InvalidInput, match=r"runs\.csv.*did not write.*--out"):
        report([path], out)
    assert [p.name for p in out.iterdir()] == ["runs.csv"]
    assert (out / "runs.csv").read_text() == "a,b\n"
    with pytest.raises(InvalidInput, match="--out"):
        report([path], out / "runs.csv")


def test_known_bounds_are_told_and_drawn(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", rows=[champion(5.0)])
    before = report([path])
    page = Page(Path(before["page"]))
    assert "optimum" not in page.text
    bare = Path(before["pictures"][2]).read_bytes()
    file = path / "champions" / "champions.json"
    known = {"optimum": 6.66, "memoryless": None}
    file.write_text(json.dumps(json.loads(file.read_text()) | known))
    page = Page(Path(report([path])["page"]))
    assert "optimum: 6.66." in page.text and "memoryless" not in page.text
    assert Path(before["pictures"][2]).read_bytes() != bare
