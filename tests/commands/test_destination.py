"""Where a run goes: a folder of its own, or one to go on with; and what may change."""

import concurrent.futures
import functools
import json
import threading
from pathlib import Path

import pytest

import evolife
from evolife.cli import main
from evolife.commands._destination import destination
from evolife.config.difference import changes
from evolife.config.model import load_config
from evolife.errors import InvalidInput
from evolife.storage.run_folder import create, run_path
from tests.cli_tools import TINY, champions, digests

CONFIG = "seed: 0\n"
TRAIN = functools.partial(evolife.train, "bandit", *TINY)


def test_jobs_that_start_in_the_same_second_get_folders_of_their_own(tmp_path):
    together = threading.Barrier(8)

    def begin(_):
        together.wait()
        with run_path(None, "demo", tmp_path / "runs") as path:
            create(path, CONFIG)
        return path

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(begin, range(8)))
    assert len(set(paths)) == 8
    assert all((path / "config.yaml").is_file() for path in paths)


def test_what_is_refused_leaves_no_folder_behind(tmp_path):
    with pytest.raises(InvalidInput), run_path(None, "demo", tmp_path / "runs") as path:
        assert path.is_dir()
        raise InvalidInput("no")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "runs").write_text("not a folder")
    with (
        pytest.raises(InvalidInput, match="--out DIR"),
        run_path(None, "demo", tmp_path / "runs"),
    ):
        pass


def test_begin_or_go_on_is_either(tmp_path):
    new = tmp_path / "new"
    begin = destination(None, None, new)
    assert (begin.path, begin.resume, begin.own_config) == (new, True, None)
    config = create(new, CONFIG).config_path
    go_on = destination(new, None, new)
    assert go_on == destination(None, new)
    assert (go_on.path, go_on.resume, go_on.own_config) == (new, True, config)
    assert destination(new, None).own_config is None
    with pytest.raises(InvalidInput, match="--resume-or-start begins one"):
        destination(None, tmp_path / "absent")
    with pytest.raises(InvalidInput, match="one of them"):
        destination(None, new, new)
    with pytest.raises(InvalidInput, match="omit --out"):
        destination(tmp_path / "other", None, new)


def test_one_call_begins_goes_on_and_ends_as_if_never_stopped(trained_run, tmp_path):
    same = tmp_path / "same"
    # A kill while the folder was made leaves empty folders.
    (same / "logs").mkdir(parents=True)
    TRAIN(generations=2, resume_or_start=same)
    TRAIN(generations=4, resume_or_start=same)
    assert digests(same) == digests(trained_run)
    assert champions(same) == champions(trained_run)
    before = digests(same), champions(same)
    TRAIN(generations=4, resume_or_start=same)
    assert (digests(same), champions(same)) == before
    sessions = json.loads((same / "manifest.json").read_text())["sessions"]
    assert [session["exit_reason"] for session in sessions] == ["done"] * 3
    with pytest.raises(InvalidInput, match=r"agent\.hidden was 8, now is 9"):
        TRAIN(generations=4, agent__hidden=9, resume_or_start=same)
    with pytest.raises(InvalidInput, match=r"seed was 0, now is 3; .*sigma was"):
        evolife.train("seed=3", resume=same, strategy__sigma=0.3)
    assert (digests(same), champions(same)) == before


@pytest.mark.parametrize("command", ["train", "meta"])
def test_begin_or_go_on_needs_a_config_to_begin(command, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--resume-or-start", str(tmp_path / "new")])
    assert ended.value.code == 2
    assert f"{command} needs a config" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_settings_that_differ_are_named_with_old_and_new():
    was = load_config("bandit").model_dump(mode="json")
    now = load_config(
        "bandit", ["agent={name: reflex}", "lifetime.steps=20"]
    ).model_dump(mode="json")
    assert changes(was, was) == ""
    told = changes(was, now).split("; ")
    assert set(told) == {
        'agent.name was "gru", now is "reflex"',
        "agent.hidden was 32, now is not set",
        "agent.sample was true, now is not set",
        "lifetime.steps was 10, now is 20",
    }
    assert "seed was not set, now is 1" in changes({}, {"seed": 1})
    many = {f"key{i}": i for i in range(20)}
    assert changes(many, {}).endswith("; and 12 more")


def test_the_folder_stays_where_the_users_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with run_path("given", "demo") as path:
        assert path == Path("given")
    assert list(tmp_path.iterdir()) == []
