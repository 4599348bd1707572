"""The page itself, from a template; everything it shows is inside it."""

import base64
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evolife.reports.groups import Group
from evolife.reports.headline import headline
from evolife.reports.importance import Importance
from evolife.reports.study import Study
from evolife.reports.style import MADE_BY, Picture
from evolife.reports.table import Column, cells
from evolife.reports.words import number
from evolife.version import __version__

_TITLES = {
    "fitness": "Fitness",
    "life": "Within a life",
    "champions": "Champions",
    "importance": "What the parameters explain",
    "parameters": "All runs by their parameters",
}
_EMPTY = {
    "fitness": "No run that has ended recorded a finite fitness.",
    "life": "No run that has ended recorded the reward within a life.",
    "champions": "No run that has ended has champions.",
    "importance": "There are not enough runs that differ to say.",
    "parameters": "It takes two runs that differ in a parameter.",
}


def render(
    study: Study,
    groups: Sequence[Group],
    pictures: Sequence[Picture],
    found: Sequence[Importance],
    table: Sequence[Column],
) -> bytes:
    """The HTML of the page, in UTF-8."""
    text = _template().render(
        made_by=MADE_BY,
        version=__version__,
        made=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        name=study.name,
        facts=headline(study, groups),
        sections=[_section(name, pictures) for name in _TITLES],
        drawn=bool(pictures),
        importance=[_shares(one) for one in found],
        left_out=[(run.name, reason) for run, reason in study.left_out],
        damaged=[(run.name, n) for run in study.runs if (n := run.history.damaged)],
        titles=[(column.title, column.is_number) for column in table],
        rows=[cells(table, run) for group in groups for run in group.runs],
    )
    # A name on disk may hold bytes that are no text.
    return text.encode("utf-8", errors="replace")


def _template() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


def _section(name: str, pictures: Sequence[Picture]) -> dict[str, Any]:
    picture = next((one for one in pictures if one.name == name), None)
    data = (
        picture
        and f"data:image/png;base64,{base64.b64encode(picture.image.png).decode()}"
    )
    return {
        "name": name,
        "title": _TITLES[name],
        "picture": picture,
        "data": data,
        "empty": _EMPTY[name],
    }


def _shares(one: Importance) -> list[str]:
    levels = f"{one.levels} bins" if one.binned else f"{one.levels} values"
    if one.share is None:
        return [one.parameter, levels, str(one.runs), one.reason, "", "", ""]
    numbers = [f"{one.share:.1%}", f"{one.adjusted:.1%}", f"{one.chance:.1%}"]
    return [one.parameter, levels, str(one.runs), *numbers, number(one.p)]
