"""A sweep, opened for reading."""

import dataclasses
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolife.results.frames import frame
from evolife.results.run import Run
from evolife.storage.metric_names import HELD_OUT
from evolife.storage.sweep_folder import SweepFolder, read_entries
from evolife.storage.sweep_status import standings

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A sweep on disk. What was read is kept: load it again to see what came since."""

    path: Path
    """Its folder."""
    plugins: tuple[str, ...] = dataclasses.field(default=(), kw_only=True)
    """Folders of plug-ins, beside those of its runs or for those that are gone."""

    @property
    def folder(self) -> SweepFolder:
        """Where everything lies in it."""
        return SweepFolder(self.path)

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The sweep file, every default written out."""
        return self.folder.spec()

    @cached_property
    def runs(self) -> dict[str, Run]:
        """The runs that have begun, by name, in the order of the manifest."""
        folders = {e.run: self.folder.run(e.run) for e in read_entries(self.folder)}
        return {
            name: Run(folder.path, plugins=self.plugins)
            for name, folder in folders.items()
            if folder.config_path.is_file()
        }

    @cached_property
    def table(self) -> "pd.DataFrame":
        """One row a run: its parameters, state, the sweep's metric, held-out score.

        Scores that are not known yet are missing values; ``generation`` says how far a
        run has come.

        Raises:
            EvolifeError: pandas is not installed.
            InvalidInput: the sweep's files are damaged.
        """
        metric = (self.spec.get("metric") or {}).get("name", HELD_OUT)
        rows = [
            {
                "run": one.entry.run,
                **one.entry.parameters,
                "state": one.state,
                "generation": one.generation,
                metric: one.metrics.get(metric),
                HELD_OUT: one.metrics.get(HELD_OUT),
            }
            for one in standings(self.folder, read_entries(self.folder))
        ]
        return frame(rows, "run")
