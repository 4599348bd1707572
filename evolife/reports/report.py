"""Write the page, its pictures and its table of one or more sweeps and runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evolife.errors import InvalidInput
from evolife.reports.champions_picture import champions_picture
from evolife.reports.fitness_picture import fitness_picture
from evolife.reports.groups import Group, groups
from evolife.reports.importance import Importance, importances
from evolife.reports.importance_picture import importance_picture
from evolife.reports.life_picture import life_picture
from evolife.reports.page import render
from evolife.reports.parallel_picture import parallel_picture
from evolife.reports.study import Study, read_study
from evolife.reports.style import MADE_BY, Picture, check_packages
from evolife.reports.table import columns, to_csv
from evolife.storage.files import storage_errors, write_atomically
from evolife.storage.run_folder import RunFolder, fresh_path
from evolife.storage.sweep_folder import SweepFolder

PAGE, TABLE = "report.html", "runs.csv"
_PICTURES = tuple(
    f"{name}.{kind}"
    for name in ("fitness", "life", "champions", "importance", "parameters")
    for kind in ("png", "svg")
)
_HEAD_BYTES = 1_000


def report(paths: Sequence[Path], out: Path | None = None) -> dict[str, Any]:
    """Report on the sweeps and runs at ``paths`` into the folder ``out``.

    Without ``out`` the page goes into SWEEP/report, into RUN/report where one run is
    named, and into runs/report-<stamp> for several folders. Returns the paths of what
    was written (``page``, ``csv``, ``pictures``), the number of ``runs``, and which
    are ``left_out`` of pictures and why. Uses no JAX and prints nothing.

    Raises:
        InvalidInput: a folder is neither a sweep nor a run, a package is missing, or
            ``out`` cannot be written or holds files of others under the report's names.
        EvolifeError: the disk is full.
    """
    check_packages()
    study = read_study(paths)
    folder = out or default_out(paths)
    _check_out(folder)
    every, found = groups(study), importances(study)
    pictures = _pictures(study, every, found)
    _write(folder, _files(study, every, found, pictures))
    return {
        "page": str(folder / PAGE),
        "csv": str(folder / TABLE),
        "pictures": [str(folder / f"{picture.name}.png") for picture in pictures],
        "svg": [str(folder / f"{picture.name}.svg") for picture in pictures],
        "runs": len(study.runs),
        "left_out": [{"run": run.name, "reason": why} for run, why in study.left_out],
    }


def default_out(paths: Sequence[Path]) -> Path:
    """Where the page goes unless it is told."""
    if len(paths) > 1:
        return fresh_path("report")
    sweep = SweepFolder(paths[0])
    return sweep.report if sweep.is_sweep() else RunFolder(paths[0]).path / "report"


def _pictures(
    study: Study, every: Sequence[Group], found: Sequence[Importance]
) -> list[Picture]:
    drawn = (
        fitness_picture(every),
        life_picture(every),
        champions_picture(every),
        importance_picture(found, study.metric),
        parallel_picture(study, found),
    )
    return [picture for picture in drawn if picture is not None]


def _files(
    study: Study,
    every: Sequence[Group],
    found: Sequence[Importance],
    pictures: Sequence[Picture],
) -> dict[str, bytes]:
    """What is written, by name and in this order."""
    table = columns(study, every)
    return {
        # First, because it is whole in itself and marks the folder as a report's.
        PAGE: render(study, every, pictures, found, table),
        TABLE: to_csv(table, study.runs),
        **{
            f"{picture.name}.{kind}": content
            for picture in pictures
            for kind, content in picture.image._asdict().items()
        },
    }


def _check_out(folder: Path) -> None:
    """Refuse a folder where files of the report's names are not the report's."""
    names = [PAGE, TABLE, *_PICTURES]
    taken = [name for name in names if (folder / name).exists()]
    if not taken or _is_own(folder / PAGE):
        return
    raise InvalidInput(
        f"{folder} holds {', '.join(taken)}, which evolife report did not write; "
        "choose another folder with --out DIR"
    )


def _is_own(page: Path) -> bool:
    try:
        with page.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    return f'name="generator" content="{MADE_BY}"'.encode() in head


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Write all files, and remove pictures of an earlier page that this one lacks."""
    with storage_errors("write the report in", folder, InvalidInput):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_atomically(folder / name, content)
        for name in _PICTURES:
            if name not in files:
                (folder / name).unlink(missing_ok=True)
