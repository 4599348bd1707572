"""The report of a run that evolife made itself."""

import json
from pathlib import Path

import pytest

from evolife.reports.report import report
from evolife.run.verdict import compare
from evolife.storage import held_out
from evolife.storage.run_folder import RunFolder
from tests.cli_tools import run_here
from tests.report_tools import Page, table


def test_the_report_of_a_run_tells_what_the_run_holds(trained_copy: Path) -> None:
    result = run_here("report", trained_copy, "--json")
    assert result.returncode == 0, result.stderr
    written = json.loads(result.stdout)
    assert (written["runs"], written["left_out"]) == (1, [])
    names = [Path(path).stem for path in written["pictures"]]
    assert names == ["fitness", "life", "champions"]
    row = table(written["csv"])[0]
    sides = trained_copy, trained_copy / "control"
    rows, control = map(champions_of, sides)
    best = rows[0]
    assert float(row["held_out"]) == best["held_out"]
    assert [float(row["low"]), float(row["high"])] == best["interval"]
    assert float(row["gap"]) == pytest.approx(best["gap"])
    lives = [held_out.read(RunFolder(one), champions_of(one)) for one in sides]
    verdict = compare(best, control[0], "", *lives)
    assert (row["verdict"], verdict.test) == (verdict.outcome, "paired")
    assert f"p = {verdict.p:.2g}, paired by life" in Page(Path(written["page"])).text
    recorded = [
        json.loads(line)
        for line in (trained_copy / "metrics.jsonl").read_text().splitlines()
    ]
    assert int(row["env_steps"]) == recorded[-1]["env_steps"]
    assert float(row["best fitness/best"]) == max(r["fitness/best"] for r in recorded)
    first, last = recorded[0]["fitness/mean"], recorded[-1]["fitness/mean"]
    alt = str(Page(Path(written["page"])).all("img")[0]["alt"])
    assert f"from {first:.4g} to {last:.4g}." in alt


def test_the_command_says_where_the_page_is(trained_run: Path, tmp_path: Path) -> None:
    result = run_here("report", trained_run, "--out", tmp_path / "page")
    assert result.returncode == 0, result.stderr
    assert f"page: {tmp_path / 'page' / 'report.html'}" in result.stdout
    assert (tmp_path / "page" / "runs.csv").is_file()


def test_the_life_is_shown_beside_the_control_and_without_learning(trained_copy):
    """All three on held-out lives, as recorded; and what contradicts the bounds."""
    sides = trained_copy, trained_copy / "control"
    path = sides[1] / "champions" / "champions.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "faults": ["it earns too much"]}))
    page = Page(Path(report([trained_copy])["page"]))
    alt = str(page.all("img")[1]["alt"])
    main, control = (held_out.read(RunFolder(one), champions_of(one)) for one in sides)
    curves = {
        "champions": main.curves[0],
        "champions, learns: false": main.unlearned_curve,
        "controls": control.curves[0],
    }
    for name, curve in curves.items():
        quarter = -(-len(curve) // 4)
        early, late = curve[:quarter].mean(), curve[-quarter:].mean()
        assert f"{name} {early:.4g} to {late:.4g} on held-out lives" in alt
    assert control.unlearned_curve is None, "the control keeps nothing"
    assert "it earns too much." in page.text


def champions_of(folder: Path) -> list[dict]:
    file = folder / "champions" / "champions.json"
    return json.loads(file.read_text())["champions"]
