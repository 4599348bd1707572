"""Write the page, its pictures and its table of one or more sweeps and runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evolife.errors import InvalidInput
from evolife.reports.champions import champions
from evolife.reports.drawing import MADE_BY
from evolife.reports.fitness import fitness
from evolife.reports.groups import groups
from evolife.reports.importance import importance_picture, importances
from evolife.reports.life import life
from evolife.reports.page import render
from evolife.reports.parallel import parallel
from evolife.reports.study import read_study
from evolife.reports.table import table, to_csv
from evolife.storage.files import storage_errors, write_atomically
from evolife.storage.run_folder import fresh_path

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
    study = read_study(paths)
    folder = out or default_out(paths)
    _check_out(folder)
    every, found = groups(study), importances(study)
    drawn = (
        fitness(every),
        life(every),
        champions(every),
        importance_picture(found, study.metric),
        parallel(study, found),
    )
    pictures = [picture for picture in drawn if picture is not None]
    rows = table(study, every)
    files = {
        # First, because it is whole in itself and marks the folder as a report's.
        PAGE: render(study, every, pictures, found, rows),
        TABLE: to_csv(rows),
    }
    for one in pictures:
        files |= {f"{one.name}.{kind}": content for kind, content in one.files.items()}
    _write(folder, files)
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
    return fresh_path("report") if len(paths) > 1 else paths[0] / "report"


def _check_out(folder: Path) -> None:
    """Refuse a folder where files of the report's names are not the report's."""
    names = [PAGE, TABLE, *_PICTURES]
    taken = [name for name in names if (folder / name).exists()]
    if taken and not _is_own(folder / PAGE):
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
