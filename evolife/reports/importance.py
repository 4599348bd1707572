"""How much of the differences between runs each parameter goes along with."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from evolife.reports.drawing import BLUE, INK, ORANGE, Picture, drawn, legend
from evolife.reports.study import Study
from evolife.reports.words import clipped, is_number, level_name, short_names, varying

MOST = 15
"""Parameters that are drawn; the table below the picture has all."""
MOST_BINS = 4
_LEAST_FREE = 4


def importances(study: Study) -> pd.DataFrame:
    """A one-way analysis of variance of the metric by each parameter that varies.

    One row a dotted key, the largest share first. ``runs`` is the N that have the
    metric, ``levels`` the k values, or ``binned`` bins of equal rank that numbers were
    put into. ``share`` is eta squared, the variance between levels over all;
    ``adjusted`` omega squared, the same less what chance gives; ``chance`` the share of
    a parameter without any effect, on average; ``p`` the F test's. All four are NaN
    where there is a ``reason``.
    """
    runs = study.ranked
    scores = np.array([study.value(run) for run in runs], dtype=np.float64)
    settings = [{k: run.parameters.get(k) for k in study.parameters} for run in runs]
    rows = {k: importance([s[k] for s in settings], scores) for k in varying(settings)}
    columns = ["runs", "levels", "binned", "reason", "share", "adjusted", "chance", "p"]
    found = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns)
    return found.sort_values("share", ascending=False, kind="stable")


def importance(values: Sequence[Any], scores: np.ndarray) -> dict[str, Any]:
    """Analyse ``(N,)`` scores by the values of one parameter; None is not set."""
    labels, binned = _levels(values)
    runs, levels = len(scores), len(set(labels))
    found = {"runs": runs, "levels": levels, "binned": binned, "reason": ""}
    if runs < 2 * levels or runs - levels < _LEAST_FREE:
        return found | {"reason": f"not enough runs: {runs} for {levels} values"}
    if np.ptp(scores) == 0:
        return found | {"reason": "all runs score the same"}
    share, adjusted, p = analysis(labels, scores)
    chance = (levels - 1) / (runs - 1)
    return found | {"share": share, "adjusted": adjusted, "chance": chance, "p": p}


def analysis(levels: Sequence[Any], scores: np.ndarray) -> tuple[float, float, float]:
    """Eta squared, omega squared and p of ``(N,)`` scores at as many levels."""
    samples = [sample for _, sample in pd.Series(scores).groupby(np.asarray(levels))]
    if all(np.ptp(sample) == 0 for sample in samples):
        return 1.0, 1.0, 0.0
    free, rest = len(samples) - 1, len(scores) - len(samples)
    f, p = map(float, stats.f_oneway(*samples))
    between = free * f
    total = between + rest
    return between / total, (between - free) / (total + 1), p


def _levels(values: Sequence[Any]) -> tuple[list[str], bool]:
    """A name of each run's level, and whether numbers were binned by their ranks."""
    names = pd.Series(list(map(level_name, values)))
    numbers = pd.Series([v if is_number(v) else None for v in values], dtype=float)
    known = numbers.count()
    many = names.nunique() > MOST_BINS and len(names) < 4 * names.nunique()
    if not many or known < len(names) / 2:
        return list(names), False
    bins = max(2, min(MOST_BINS, known // 4))
    # The middle of a value's places among all: equal values share one bin.
    places = (numbers.rank() - 0.5) / known * bins // 1
    return list(names.where(numbers.isna(), "bin " + places.astype(str))), True


def importance_picture(found: pd.DataFrame, metric: str) -> Picture | None:
    """Draw the bars and marks; None where no parameter has numbers."""
    rows = found.dropna(subset="share")[:MOST]
    if rows.empty:
        return None
    names = short_names(list(rows.index))
    labels = [clipped(name, 26) for name in names.values()]
    y = np.arange(len(rows))
    share, chance, adjusted = rows[["share", "chance", "adjusted"]].clip(0).to_numpy().T

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        look: Any = {"color": "#9ecae1", "edgecolor": BLUE, "height": 0.56}
        axes.barh(y, share, tick_label=labels, label="share, eta squared", **look)
        look = {"colors": ORANGE, "ls": (0, (2, 1)), "lw": 1.8}
        words = "share that chance alone gives"
        axes.vlines(chance, y - 0.4, y + 0.4, label=words, **look)
        look = {"color": INK, "marker": "D", "ls": "none", "ms": 5.5}
        axes.plot(adjusted, y, label="adjusted, omega squared", **look)
        ends = np.maximum.reduce([share, chance, adjusted]) + 0.02
        for at in range(len(rows)):
            axes.text(ends[at], at, f"{share[at]:.0%}", va="center", color=INK)
        axes.tick_params(axis="y", length=0)
        axes.set(xlim=(0, 1.12), ylim=(len(rows) - 0.3, -0.7))
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
        axes.xaxis.set_major_formatter("{x:.0%}")
        axes.set_xlabel(f"share of the variance of {metric}")
        axes.grid(axis="y", visible=False)
        legend(figure, axes, ncols=1)

    told = {"rows": rows, "metric": metric}
    return Picture("importance", drawn(0.36 * len(rows) + 1.9, draw), told)
