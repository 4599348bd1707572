"""Runs that depend on how earlier ones went: Bayesian search and early stopping."""

import collections
import dataclasses
from collections.abc import Callable, Sequence

from evolife.errors import EvolifeError, InvalidInput
from evolife.storage.metric_names import OF_CHAMPIONS
from evolife.storage.metrics import read
from evolife.storage.sweep_folder import Entry, SweepFolder
from evolife.storage.sweep_status import Standing, finite
from evolife.sweeps.sources import Ended, Source
from evolife.sweeps.spec import Sweep
from evolife.sweeps.study import Study

_TRIES = 50
"""Suggestions in a row that were tried before, after which there are no others."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a guided source works on."""

    sweep: Sweep
    folder: SweepFolder
    entries: list[Entry]
    """The whole manifest; grows with every suggestion."""
    name: Callable[[dict[str, object]], Entry]
    """Makes an entry of an assignment."""
    save: Callable[[Sequence[Entry]], None]
    """Writes the manifest."""


def check_metric(sweep: Sweep) -> None:
    """Refuse early stopping by what is only known at the end.

    Raises:
        InvalidInput: so it is.
    """
    spec = sweep.spec
    if spec.early_terminate and spec.metric.name in OF_CHAMPIONS:
        where = sweep.origins.of(("early_terminate",))
        raise InvalidInput(
            f"{where}: early_terminate compares runs on their way, but "
            f"{spec.metric.name} is known at the end only; set metric: {{name: "
            "fitness/mean}"
        )


class Guided(Source):
    """Hands out what is unfinished, then what a study suggests."""

    def __init__(self, plan: Plan, unfinished: Sequence[Entry], study: Study) -> None:
        self._plan, self._study = plan, study
        self._left = collections.deque(unfinished)
        self._rungs: dict[str, int] = {}
        for number in study.nameless():
            study.drop(number)

    def next(self) -> Entry | None:
        """An unfinished run, or a new one; see ``Source``."""
        entry = self._left.popleft() if self._left else self._suggestion()
        if entry is not None:
            self._study.begin(entry.run)
        return entry

    def ended(self, standing: Standing, how: Ended) -> None:
        """Tell the study; see ``Source``."""
        if how == "stopped":
            return
        value = self._value(standing) if how == "done" else None
        self._study.finish(standing.entry.run, value, pruned=how == "pruned")

    def superfluous(self, standing: Standing) -> bool:
        """Compare at each rung with all that came so far; see ``Source``."""
        rule = self._plan.sweep.spec.early_terminate
        run = standing.entry.run
        if rule is None:
            return False
        rung = self._rungs.setdefault(run, rule.first)
        while standing.generation >= rung:
            value = self._value_at(run, rung)
            self._rungs[run] = next_rung = rung * rule.eta
            if value is not None and self._study.behind(run, rung, value):
                return True
            rung = next_rung
        return False

    def _suggestion(self) -> Entry | None:
        spec, entries = self._plan.sweep.spec, self._plan.entries
        if spec.method != "bayes" or len(entries) >= (spec.run_cap or 0):
            return None
        known = {entry.run for entry in entries}
        for _ in range(_TRIES):
            number, assignment = self._study.suggest(self._plan.sweep.parameters)
            entry = self._plan.name(assignment)
            if entry.run not in known:
                # The manifest first: a named trial without a run could not go on.
                entries.append(entry)
                self._plan.save(entries)
                self._study.name(number, entry.run)
                return entry
            self._study.drop(number)
        return None

    def _value(self, standing: Standing) -> float | None:
        return finite(standing.metrics.get(self._plan.sweep.spec.metric.name))

    def _value_at(self, run: str, generation: int) -> float | None:
        path = self._plan.folder.run(run).metrics_path
        try:
            lines = read(path)
        except EvolifeError:
            return None
        name = self._plan.sweep.spec.metric.name
        found = [one.get(name) for one in lines if one["generation"] == generation]
        return finite(found[-1]) if found else None
