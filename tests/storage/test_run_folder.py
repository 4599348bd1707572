"""A run's folder: made whole, found by name, and nobody's files are harmed."""

import errno
from pathlib import Path

import pytest

from evolife.errors import EvolifeError, InvalidInput
from evolife.storage import run_folder


def test_a_fresh_run_has_its_folders_and_config(tmp_path: Path) -> None:
    run = run_folder.create(tmp_path / "a" / "b", "seed: 0\n")
    assert run.config_path.read_text() == "seed: 0\n"
    names = {path.name for path in run.path.iterdir()}
    assert names == {"config.yaml", "tensorboard", "checkpoints", "champions", "logs"}
    assert run.log_path(7) == run.path / "logs" / "rank_0007.log"
    assert run_folder.open_run(run.path) == run


def test_what_is_there_is_refused_and_left_alone(tmp_path: Path) -> None:
    run = run_folder.create(tmp_path / "run", "seed: 0\n")
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("precious")
    file = tmp_path / "file"
    file.write_text("precious")
    cases = [
        (run.path, rf"--resume {run.path}"),
        (other, "not empty"),
        (file, "is a file"),
        (file / "below", "choose another"),
    ]
    before = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    for path, words in cases:
        with pytest.raises(InvalidInput, match=words) as caught:
            run_folder.create(path, "seed: 1\n")
        assert str(path) in str(caught.value) and "--out" in str(caught.value)
    after = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, EvolifeError), (errno.EACCES, InvalidInput)]
)
def test_a_refusing_disk_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type
) -> None:
    def refuse(path: Path, content: bytes) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(run_folder, "write_atomically", refuse)
    with pytest.raises(EvolifeError, match="run: refused") as caught:
        run_folder.create(tmp_path / "run", "seed: 0\n")
    assert type(caught.value) is kind
    (tmp_path / "empty").mkdir()
    with pytest.raises(kind):
        run_folder.create(tmp_path / "empty", "seed: 0\n")
    assert [*tmp_path.rglob("*")] == [tmp_path / "empty"]


def test_a_missing_run_names_its_neighbour(tmp_path: Path) -> None:
    run_folder.create(tmp_path / "oven-gru", "seed: 0\n")
    with pytest.raises(InvalidInput, match="did you mean 'oven-gru'"):
        run_folder.open_run(tmp_path / "oven-gur")
    with pytest.raises(InvalidInput, match=r"no config\.yaml"):
        run_folder.open_run(tmp_path)


def test_default_folders_are_unused(tmp_path: Path) -> None:
    paths = []
    for _ in range(3):
        paths.append(run_folder.fresh_path("demo", tmp_path))
        run_folder.create(paths[-1], "seed: 0\n")
    assert len(set(paths)) == 3
    assert all(path.name.startswith("demo-2") for path in paths)
