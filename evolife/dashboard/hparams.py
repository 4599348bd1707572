"""A run's row in the dashboard's tab HParams: its settings, and how it ended.

TensorBoard keeps the first it reads of a run's settings and of its end. So they stand
in a file of their own, which sorts before those of the sessions and is replaced as a
whole: a run that was stopped, failed or lengthened, and went on, has one true row.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from tensorboardX.proto.api_pb2 import (
    STATUS_FAILURE,
    STATUS_SUCCESS,
    DataType,
    Experiment,
    HParamInfo,
    MetricInfo,
    MetricName,
)
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)
from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata

from evolife.config.layers import value_at
from evolife.dashboard.event_file import encoded
from evolife.storage.files import storage_errors, write_atomically

FILE = "hparams.tfevents"
DEFAULT_KEYS = (
    *("env.name", "agent.name", "strategy.name", "selection.name"),
    *("population.size", "lifetime.steps", "lifetime.lives", "generations", "seed"),
)
"""What is shown of a run that was not asked for anything else."""
METRICS = (
    *("fitness/best", "fitness/mean", "fitness/median", "life/late"),
    *("champion/held_out", "champion/gap"),
)
"""Scalars that have a column."""
Shown = str | bool | float | None
"""What a column shows of a run; nothing, where the run lacks the setting."""
End = Literal["done", "failed"]
_LACKING: Any = object()
_KINDS: Mapping[type, str] = {
    type(None): "DATA_TYPE_UNSET",
    bool: "DATA_TYPE_BOOL",
    float: "DATA_TYPE_FLOAT64",
    str: "DATA_TYPE_STRING",
}


def settings(config: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Shown]:
    """What a config, as plain data, holds under dotted ``keys``; none: the usual ones.

    Sections and lists are compact JSON. A key that the config lacks is None: it is a
    column like the others, so that all runs of a sweep have the same ones.
    """
    return {
        key: _shown(value_at(config, key, _LACKING)) for key in keys or DEFAULT_KEYS
    }


def write(
    folder: Path, shown: Mapping[str, Shown], begun: float, end: End | None
) -> None:
    """Replace the row of the run whose event files are in ``folder``.

    ``begun`` is when the session did, in seconds since 1970. Without ``end`` the run
    goes on, or was stopped to go on later.

    Raises:
        EvolifeError: the disk is full or refuses.
    """
    summaries = [_experiment(shown), _start(shown, begun)]
    if end:
        summaries.append(ended(end))
    content = encoded([Event(step=0, summary=summary) for summary in summaries])
    with storage_errors("write the event files in", folder):
        write_atomically(folder / FILE, content)


def ended(end: End) -> Summary:
    """The summary of how the run ended, now."""
    status = STATUS_SUCCESS if end == "done" else STATUS_FAILURE
    info = SessionEndInfo(status=status, end_time_secs=time.time())
    return _summary("session_end_info", HParamsPluginData(session_end_info=info))


def _shown(value: Any) -> Shown:
    if value is _LACKING:
        return None
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return float(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _experiment(shown: Mapping[str, Shown]) -> Summary:
    infos = [
        HParamInfo(name=key, type=DataType.Value(_KINDS[type(value)]))
        for key, value in shown.items()
    ]
    metrics = [MetricInfo(name=MetricName(tag=tag)) for tag in METRICS]
    experiment = Experiment(hparam_infos=infos, metric_infos=metrics)
    return _summary("experiment", HParamsPluginData(experiment=experiment))


def _start(shown: Mapping[str, Shown], begun: float) -> Summary:
    info = SessionStartInfo(start_time_secs=begun)
    for key, value in shown.items():
        if isinstance(value, bool):
            info.hparams[key].bool_value = value
        elif isinstance(value, str):
            info.hparams[key].string_value = value
        elif value is not None:
            # Left out where there is none: texts among numbers cannot be sorted.
            info.hparams[key].number_value = value
    return _summary("session_start_info", HParamsPluginData(session_start_info=info))


def _summary(name: str, data: HParamsPluginData) -> Summary:
    plugin = SummaryMetadata.PluginData(
        plugin_name="hparams", content=data.SerializeToString()
    )
    metadata = SummaryMetadata(plugin_data=plugin)
    return Summary(value=[Summary.Value(tag=f"_hparams_/{name}", metadata=metadata)])
