"""Rows as they are measured, kept in one JSON file so that a run can go on."""

import dataclasses
import datetime
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from speed.race import Racer
from speed.rows import Row
from speed.statistics import ratios, spread


@dataclasses.dataclass(frozen=True)
class Result:
    """One row of the table."""

    name: str
    work: str
    note: str
    reach: float | None
    value: float | None = None
    """Median; None where it could not be measured."""
    low: float | None = None
    high: float | None = None
    interval: tuple[float, float] | None = None
    most: bool = False
    """The reach is an upper limit."""
    unit: str = "x"
    rounds: int = 0
    rates: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Information on each contender by name: median rate, or what else it showed."""
    failure: str = ""
    when: str = ""
    load: float = 0.0
    """Load average of the machine when the row was done."""

    @property
    def verdict(self) -> str:
        """Whether the reach is reached, in a word."""
        if self.value is None:
            return "not measured"
        if self.reach is None:
            return ""
        reached = self.value <= self.reach if self.most else self.value >= self.reach
        return "reached" if reached else "not reached"


def stamped(result: Result) -> Result:
    """Note when, and under which load of the machine."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M")
    return dataclasses.replace(result, when=now, load=round(os.getloadavg()[0], 2))


def summed(result: Result, values: Sequence[float], rates: Mapping[str, Any]) -> Result:
    """Fill in the median and spread of one value a round."""
    found = spread(values)
    return stamped(
        dataclasses.replace(
            result,
            value=found.median,
            low=found.low,
            high=found.high,
            interval=found.interval,
            rounds=len(values),
            rates=rates,
        )
    )


def of_row(row: Row, racers: Mapping[str, Racer]) -> Result:
    """The ratio of a row from what its session showed."""
    empty = Result(row.name, row.work, row.note, row.reach)
    pair = {one.name: racers[one.name] for one in (row.ours, row.theirs)}
    values = ratios(*(racer.rates for racer in pair.values()))
    rates = {
        name: {"steps_per_second": spread(racer.rates).median, **racer.info}
        for name, racer in pair.items()
        if racer.rates
    }
    failure = "; ".join(f"{n}: {r.failure}" for n, r in pair.items() if r.failure)
    if not values:
        return stamped(dataclasses.replace(empty, failure=failure, rates=rates))
    return dataclasses.replace(summed(empty, values, rates), failure=failure)


def load(path: Path) -> dict[str, Result]:
    """Results by name; nothing where there is no file."""
    if not path.exists():
        return {}
    table = json.loads(path.read_text())["rows"]
    return {row["name"]: Result(**row) for row in table}


def save(path: Path, results: Mapping[str, Result], about: Mapping[str, Any]) -> None:
    """Write all results in one step."""
    rows = [dataclasses.asdict(result) for result in results.values()]
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")
    beside.replace(path)
