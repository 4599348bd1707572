"""A run, opened for reading."""

import dataclasses
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolife.config.model import RunConfig, load_config
from evolife.results.frames import frame
from evolife.storage.manifest import read_manifest
from evolife.storage.metrics import read
from evolife.storage.run_folder import CONTROL, RunFolder

if TYPE_CHECKING:
    import pandas as pd

    from evolife.results.champion import Champion
    from evolife.results.champion_environment import ChampionEnvironments


@dataclasses.dataclass(frozen=True)
class Run:
    """A run on disk. What was read is kept: load it again to see what came since."""

    path: Path
    """Its folder."""
    plugins: tuple[str, ...] = dataclasses.field(default=(), kw_only=True)
    """Folders of plug-ins, beside those of its config or for those that are gone."""

    @property
    def folder(self) -> RunFolder:
        """Where everything lies in it."""
        return RunFolder(self.path)

    @cached_property
    def config(self) -> RunConfig:
        """Every setting; raises ``InvalidInput`` where the file is damaged."""
        return load_config(str(self.folder.config_path), plugins=self.plugins)

    @cached_property
    def manifest(self) -> dict[str, Any] | None:
        """Code, packages, machine and sessions; None before the run has begun."""
        return read_manifest(self.folder.manifest_path)

    @cached_property
    def metrics(self) -> "pd.DataFrame":
        """One row a generation, columns as in ``metrics.jsonl``; lists stay lists.

        Raises:
            EvolifeError: pandas is not installed.
            InvalidInput: the file was altered.
        """
        return frame(self._lines)

    @cached_property
    def life_curves(self) -> "pd.DataFrame":
        """``(generations recorded, bins)`` reward per step in the best member's life.

        Raises:
            EvolifeError: pandas is not installed.
            InvalidInput: the file was altered.
        """
        rows = [
            {"generation": line["generation"], **dict(enumerate(line["life/best"]))}
            for line in self._lines
            if line.get("life/best")
        ]
        return frame(rows, "generation").rename_axis("bin", axis="columns")

    @cached_property
    def champions(self) -> "list[Champion]":
        """The best of K, best first.

        Raises:
            InvalidInput: there are none yet, or their table is damaged.
        """
        from evolife.results.champion import champions_of

        return champions_of(self)

    @cached_property
    def control(self) -> "Run | None":
        """The run that this one's claim is held against, if it has begun."""
        other = Run(self.path / CONTROL, plugins=self.plugins)
        return other if other.folder.config_path.is_file() else None

    @cached_property
    def stages(self) -> "ChampionEnvironments":
        """What champions act in; builds agent and environment where needed."""
        from evolife.results.champion_environment import ChampionEnvironments

        return ChampionEnvironments(self)

    @cached_property
    def _lines(self) -> list[dict[str, Any]]:
        return read(self.folder.metrics_path)
