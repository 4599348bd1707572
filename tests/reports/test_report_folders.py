"""What a report is made of, and what it refuses."""

import subprocess
import sys
from pathlib import Path

import pytest

from evolife.errors import InvalidInput
from evolife.reports.report import report
from tests.cli_tools import complaint, run_here
from tests.report_tools import Page, champion, make_run, table, two_agents


def test_several_folders_make_one_page(tmp_path: Path, monkeypatch) -> None:
    one, two = two_agents(tmp_path / "one"), two_agents(tmp_path / "two")
    lone = make_run(tmp_path / "lone", rows=[champion(9.0)])
    monkeypatch.chdir(tmp_path)
    written = report([one, two, lone, one])
    assert Path(written["page"]).parent.parent == Path("runs")
    rows = table(written["csv"])
    assert [row["folder"] for row in rows] == ["one"] * 6 + ["two"] * 6 + [""]
    assert sorted({row["group"] for row in rows}) == ["1", "2", "3", "4", "5"]
    assert "Best run" in (text := Page(Path(written["page"])).text)
    assert "lone, held-out score 9" in text


def test_a_folder_that_is_neither_is_refused(tmp_path: Path) -> None:
    two_agents(tmp_path / "agents")
    with pytest.raises(InvalidInput, match=r"neither a sweep nor a run.*name the runs"):
        report([tmp_path / "agents" / "runs"])
    with pytest.raises(InvalidInput, match=r"did you mean 'agents'\?"):
        report([tmp_path / "agent"])
    with pytest.raises(InvalidInput, match=r"name the sweeps within.*agents"):
        report([tmp_path])
    with pytest.raises(InvalidInput, match="needs a folder"):
        report([])
    said = complaint(run_here("report", tmp_path))
    assert "neither a sweep nor a run" in said and str(tmp_path) in said


@pytest.mark.parametrize("package", ["matplotlib", "jinja2", "pandas"])
@pytest.mark.parametrize("command", ["report", "compare"])
def test_a_missing_package_is_named_with_its_remedy(package, command) -> None:
    code = (
        f"import sys; sys.modules['{package}'] = None\n"
        f"from evolife.cli import main; sys.exit(main(['{command}', 'a', 'b']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert f"'{package}'" in done.stderr and "'evolife[report]'" in done.stderr


def test_a_report_needs_no_jax_and_the_command_no_pictures(tmp_path: Path) -> None:
    path = two_agents(tmp_path / "agents")
    code = (
        "import sys, pathlib; import evolife.commands.report\n"
        "assert not {'jax', 'matplotlib', 'jinja2', 'pandas'} & set(sys.modules)\n"
        "from evolife.reports.report import report\n"
        f"report([pathlib.Path({str(path)!r})])\n"
        "assert 'matplotlib' in sys.modules\n"
        "assert not {'jax', 'matplotlib.pyplot'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""
