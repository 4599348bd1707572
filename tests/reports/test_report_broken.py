"""Reports of runs that have not ended, and of damaged ones."""

import json
import math
from pathlib import Path

from evolife.reports.report import report
from evolife.storage.lock import locked
from evolife.storage.sweep_folder import SweepFolder
from tests.report_tools import (
    Page,
    lines,
    make_control,
    make_run,
    make_sweep,
    table,
)

FILES = (
    "config.yaml",
    "metrics.jsonl",
    "champions/champions.json",
    "manifest.json",
    "control/champions/champions.json",
)
DAMAGES = (
    *(b"", b"\x00\xff\xfe", b"[]\n", b"{}\n", b"null\n", b'"x"\n', b"{\n"),
    b'{"champions": [], "sessions": {}, "generation": "x"}\n',
    b'{"champions": [{"interval": [1], "held_out": null}], "generation": 1}\n',
    b'{"champions": {"a": 1}, "format": 1, "config_digest": 0, "sessions": [3]}\n',
    b'{"generation": 1, "env_steps": 5, "fitness/mean": [1, "life/best":[]}\n',
    b'{"generation": 1, "env_steps": 5, "fitness/mean": 1, "life/best": ["a"]}\n',
)


def unfinished(path: Path) -> SweepFolder:
    """A sweep with one run of each kind."""
    names = ("whole", "waiting", "running", "failed", "killed", "bare", "blank", "torn")
    sweep = make_sweep(path, [(n, {"agent.hidden": n}) for n in names])
    for name in ("whole", "bare", "blank", "torn"):
        make_run(sweep.run(name).path)
    for name, end in (("running", None), ("failed", "failed"), ("killed", "stopped")):
        make_run(sweep.run(name).path, [9.0], rows=[], ends=[end], generations=8)
    said = "compiling\nevolife: 3 GB more than there is\n"
    sweep.log_path("failed").write_text(said)
    (sweep.run("bare").champions / "champions.json").unlink()
    blank = lines([None, math.nan])
    sweep.run("blank").metrics_path.write_text(
        "".join(json.dumps(line) + "\n" for line in blank)
    )
    with sweep.run("torn").metrics_path.open("a") as file:
        file.write('{"generation": 4, "fitness/mean": 77')
    return sweep


def test_runs_that_have_not_ended_are_listed_and_not_drawn(tmp_path: Path) -> None:
    sweep = unfinished(tmp_path / "s")
    with locked(sweep.run("running").path):
        written = report([sweep.path])
    reasons = {one["run"]: one["reason"] for one in written["left_out"]}
    assert reasons == {
        "waiting": "waiting: it has not begun",
        "running": "running: 1 of 8 generations so far",
        "failed": "failed after 1 of 8 generations; 3 GB more than there is",
        "killed": "stopped after 1 of 8 generations",
        "bare": "no champions: champions.json is missing or damaged",
        "blank": "no curve: metrics.jsonl holds no finite fitness",
    }
    page = Page(Path(written["page"]))
    assert all(f"{name}: {why}" in page.text for name, why in reasons.items())
    curves, _, champions = (str(i["alt"]) for i in page.all("img")[:3])
    # The one without a score has no number among the best six.
    assert curves.count("rises from 1 to 3") == 2 and "77" not in curves
    assert "In grey: 1 further group." in curves
    assert "9" not in curves and "of 3 champions" in champions
    states = [row["state"] for row in table(written["csv"])]
    assert states == ["done", "waiting", "running", "failed", "stopped", *["done"] * 3]


def test_a_sweep_that_has_not_begun_says_so(tmp_path: Path) -> None:
    sweep = make_sweep(tmp_path / "s", [("a", {"seed": 1}), ("b", {"seed": 2})])
    written = report([sweep.path])
    assert written["pictures"] == [] and len(written["left_out"]) == 2
    page = Page(Path(written["page"]))
    assert "There is nothing to draw yet" in page.text and page.all("img") == []
    make_sweep(tmp_path / "none", [])
    assert report([tmp_path / "none"])["runs"] == 0


def test_damage_to_any_file_leaves_a_page(tmp_path: Path) -> None:
    entries = [(f"r{i}", {"x": i}) for i in range(len(FILES) * len(DAMAGES))]
    sweep = make_sweep(tmp_path / "s", [*entries, ("whole", {"x": -1})])
    pairs = [(file, damage) for file in FILES for damage in DAMAGES]
    for (name, _), (file, damage) in zip(entries, pairs, strict=True):
        path = make_run(sweep.run(name).path, control={})
        make_control(path, 1.0)
        (path / file).write_bytes(damage)
    make_run(sweep.run("whole").path)
    written = report([sweep.path])
    named = {one["run"] for one in written["left_out"]}
    assert "whole" not in named
    # Every run without a manifest or without champions of its own is named.
    for (name, _), (file, _) in zip(entries, pairs, strict=True):
        if file in ("manifest.json", "champions/champions.json"):
            assert name in named, (name, file)
    assert len(table(written["csv"])) == len(entries) + 1
    Page(Path(written["page"]))


def test_names_are_text_and_never_markup(tmp_path: Path) -> None:
    evil = '<script>alert("1")</script>&$x_{1}$'
    entries = [(f"r{i}", {"agent.kind": evil if i % 2 else "b"}) for i in range(8)]
    sweep = make_sweep(tmp_path / "s", entries, name="a & <b>")
    for i, (name, _) in enumerate(entries):
        make_run(sweep.run(name).path, [1.0, i])
    page = Page(Path(report([sweep.path])["page"]))
    assert not page.all("script") and evil in page.text and "a & <b>" in page.text


def test_where_no_run_has_ended_those_under_way_are_drawn(tmp_path: Path) -> None:
    sweep = make_sweep(tmp_path / "s", [(n, {"agent.hidden": n}) for n in "ab"])
    for name in "ab":
        make_run(sweep.run(name).path, [1.0, 2.0], rows=[], ends=[None], generations=8)
    with locked(sweep.run("a").path):
        written = report([sweep.path])
    page = Page(Path(written["page"]))
    curves = str(page.all("img")[0]["alt"])
    assert curves.count("rises from 1 to 2") == 2
    assert "running: 2 of 8 generations so far" in page.text
