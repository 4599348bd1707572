"""The folder that a run or a meta-run goes to: a new one, or one to go on with."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from evolife.config.located import Config
from evolife.config.plugin_folders import Folder
from evolife.config.sources import Source, config_of
from evolife.errors import InvalidInput, pasted
from evolife.storage.run_folder import RunFolder, open_run


@dataclasses.dataclass(frozen=True)
class Destination:
    """Where to write, and whether what is there already is to be continued."""

    path: Path | None
    """None for a new folder that is named by the config and the time."""
    resume: bool
    """Go on with the run in the folder, if it holds one."""
    own_config: Path | None
    """The config of the run that is there to go on with."""


def destination(
    out: Folder | None, resume: Folder | None, resume_or_start: Folder | None = None
) -> Destination:
    """Decide by what was asked for, of which at most one may be given.

    Raises:
        InvalidInput: more than one is given, or there is no run to resume.
    """
    if resume is not None and resume_or_start is not None:
        raise InvalidInput("--resume and --resume-or-start: give one of them")
    given = resume if resume_or_start is None else resume_or_start
    if given is None:
        return Destination(None if out is None else Path(out), False, None)
    if out is not None and Path(out) != Path(given):
        option = "--resume" if resume_or_start is None else "--resume-or-start"
        raise InvalidInput(f"{option} goes on in its own folder; omit --out")
    if resume is not None:
        return Destination(Path(given), True, _to_resume(Path(given)))
    config = RunFolder(Path(given)).config_path
    return Destination(Path(given), True, config if config.is_file() else None)


def chosen_config(
    model: type[Config],
    command: str,
    source: Source | Config | None,
    overrides: Sequence[str],
    where: Destination,
    plugins: Folder | Sequence[Folder] = (),
) -> Config:
    """The config that ``command`` works by; that of the run to resume without any.

    Raises:
        InvalidInput: there is none, or something is wrong with it.
    """
    own = where.own_config
    if own is not None and isinstance(source, str) and "=" in source:
        # An override stands where the config would.
        overrides, source = [source, *overrides], None
    # Whether another config describes the same evolution shows once it is built.
    found = own if source is None else source
    if found is None:
        raise InvalidInput(
            f"{command} needs a config; see evolife list {pasted(model.bundled)}"
        )
    return config_of(model, found, overrides, plugins)


def _to_resume(path: Path) -> Path:
    try:
        return open_run(path).config_path
    except InvalidInput as refusal:
        hint = "; --resume-or-start begins one where there is none"
        raise InvalidInput(f"{refusal}{hint}") from refusal
