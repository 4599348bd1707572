"""One run as the report sees it; whatever is missing or damaged is left out of it."""

import dataclasses
import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evolife.config.layers import flat
from evolife.config.yaml_file import read_yaml
from evolife.errors import EvolifeError
from evolife.results.history import History, read_history
from evolife.results.scores import ChampionScores, Scores, read_scores
from evolife.run.verdict import Verdict, compare
from evolife.storage.metric_names import HELD_OUT, OF_CHAMPIONS
from evolife.storage.run_folder import CONTROL, RunFolder
from evolife.storage.status import Status
from evolife.storage.sweep_status import status_of

SEED = "seed"
_LONGEST = 600


@dataclasses.dataclass(frozen=True)
class Run:
    """Everything the page tells of a run."""

    path: Path
    source: str
    """The sweep it belongs to; empty for a run of its own."""
    parameters: Mapping[str, Any]
    """What is compared, by dotted key; ``seed`` is among them where it was set."""
    status: Status
    config: Mapping[str, Any]
    """Resolved; empty where it cannot be read."""
    history: History
    table: ChampionScores
    """What is known of its champions."""
    control_table: ChampionScores
    """The same of its control's."""

    @property
    def name(self) -> str:
        """Its folder's."""
        return os.path.basename(os.path.abspath(self.path))

    @property
    def state(self) -> str:
        """How far it has come."""
        return self.status.state

    @property
    def champion(self) -> Scores | None:
        """Its best champion."""
        return self.table.best

    @property
    def control(self) -> Scores | None:
        """The control's best champion."""
        return self.control_table.best

    @property
    def generation(self) -> int:
        """Generations done."""
        return int(self.history.last("generation") or 0)

    @property
    def experiment(self) -> str:
        """What it sets beside the seed: a text that seeds of one experiment share."""
        own = {key: value for key, value in self.parameters.items() if key != SEED}
        return json.dumps([self.source, own], sort_keys=True)

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        """Its config by dotted keys."""
        return flat(self.config)

    @functools.cached_property
    def verdict(self) -> Verdict | None:
        """Whether it beats its control; None without a control that has ended."""
        if self.champion is None or self.control is None:
            return None
        claim = str(self.config.get("claim") or "")
        lives = self.table.lives, self.control_table.lives
        try:
            return compare(self.champion.row, self.control.row, claim, *lives)
        except (KeyError, TypeError, ValueError):
            return None

    def metric(self, name: str) -> float | None:
        """What runs are compared by, once the run has ended; None where not finite."""
        if self.state != "done":
            return None
        if name in OF_CHAMPIONS:
            return getattr(self.champion, name, None)
        return self.history.last(name)

    def left_out(self, metric: str) -> str:
        """Why it is missing from some or all pictures; empty where it is in all."""
        if self.state != "done":
            return self._unfinished()
        reasons = []
        if self.history.problem:
            reasons.append(self.history.problem)
        elif not self.history.lines["fitness/mean"].notna().any():
            reasons.append("no curve: metrics.jsonl holds no finite fitness")
        if self.champion is None:
            reasons.append("no champions: champions.json is missing or damaged")
        if metric != HELD_OUT and self.metric(metric) is None:
            reasons.append(f"its last {metric} is missing or not finite")
        return "; ".join(reasons)

    def _unfinished(self) -> str:
        target = self.config.get("generations")
        done = f"{self.generation} of {target} generations"
        done = done if target else "no generation"
        # The end of a log has several lines.
        said = self.status.message.replace(":\n", ": ").replace("\n", " / ")
        reasons = filter(None, (said[:_LONGEST], self.history.problem))
        return {
            "waiting": "waiting: it has not begun",
            "running": f"running: {done} so far",
            "pruned": f"pruned after {done}: others left it behind",
        }.get(self.state, "; ".join([f"{self.state} after {done}", *reasons]))


def read_run(
    path: Path, parameters: Mapping[str, Any], metric: str, source: str = ""
) -> Run:
    """Read a run, which may not have begun; raises nothing."""
    folder = RunFolder(path)
    more = () if metric in OF_CHAMPIONS else (metric,)
    try:
        status = status_of(folder)
    except (OSError, EvolifeError):
        # Files that cannot be read are not those of a run that ended well.
        status = Status("failed", "its files cannot be read")
    try:
        config: Mapping[str, Any] = read_yaml(folder.config_path).data
    except EvolifeError:
        config = {}
    history = read_history(folder.metrics_path, more)
    tables = [read_scores(RunFolder(one)) for one in (path, path / CONTROL)]
    return Run(path, source, parameters, status, config, history, *tables)
