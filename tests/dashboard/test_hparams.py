"""The table of runs: one true row a run, whatever became of the run meanwhile."""

import dataclasses
from pathlib import Path

import pytest
from tensorboard.backend.event_processing import (
    data_provider,
    plugin_event_multiplexer,
)
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import (
    api_pb2,
    backend_context,
    list_session_groups,
)

from evolife.config.model import load_config
from evolife.dashboard import hparams
from evolife.engine.evolution import begin, evolve
from evolife.errors import EvolifeError, Stopped
from evolife.plugins.build import build_run
from evolife.ranks.mpi import Serial
from evolife.run.journal import Journal
from evolife.storage.run_folder import RunFolder
from tests.cli_tools import TINY

KEYS = ("agent", "agent.hidden", "agent.hiden", "lifetime.same_lives", "generations")
LACKED = {"agent.hiden"}


class Quiet:
    def update(self, generation, metrics):
        pass


def table(folder):
    """The rows as TensorBoard's own plug-in reads them, by name."""
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(folder)).Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(folder))
    context = backend_context.Context(
        base_plugin.TBContext(logdir=str(folder), data_provider=provider)
    )
    asked = api_pb2.ListSessionGroupsRequest(
        start_index=0,
        slice_size=100,
        allowed_statuses=list(api_pb2.Status.values()),
        include_metrics=True,
    )
    handler = list_session_groups.Handler(RequestContext(), context, "", asked)
    return {group.name: group for group in handler.run().session_groups}


def shown(group):
    kinds = ("number_value", "string_value", "bool_value")
    return {
        key: next(getattr(value, kind) for kind in kinds if value.HasField(kind))
        for key, value in group.hparams.items()
    }


@pytest.fixture(scope="module")
def steps():
    """A tiny experiment and its first four generations."""
    config = load_config("bandit", [*TINY, "generations=4"], ())
    built = build_run(config)
    given = built.experiment, begin(built.experiment), 0, Serial(), pytest.fail
    return built, list(evolve(*given))


def lived(steps, run, first, last, generations=4, failure=None):
    """Record a session of generations ``first`` to ``last``."""
    built, found = steps
    record = built.config.record.model_copy(update={"hparams": KEYS})
    changes = {"record": record, "generations": generations}
    config = built.config.model_copy(update=changes)
    built = dataclasses.replace(built, config=config)
    with Journal(built, run, first - 1, Quiet()) as journal:
        for step in found[first - 1 : last]:
            journal.record(step)
        if failure:
            raise failure


def test_values_keep_their_kinds():
    config = {
        "seed": 3,
        "name": "it",
        "lifetime": {"same_lives": True},
        "strategy": {"sigma": 0.5},
        "agent": {"name": "é", "hidden": [4, 8]},
        "control": None,
    }
    keys = [*("seed", "name", "lifetime.same_lives", "strategy.sigma", "agent")]
    keys += ["agent.hidden", "agent.hiden", "seed.deep", "control"]
    found = hparams.settings(config, keys)
    assert found == {
        "seed": 3.0,
        "name": "it",
        "lifetime.same_lives": True,
        "strategy.sigma": 0.5,
        "agent": '{"name":"é","hidden":[4,8]}',
        "agent.hidden": "[4,8]",
        "agent.hiden": None,
        "seed.deep": None,
        "control": "null",
    }
    assert type(found["lifetime.same_lives"]) is bool and list(found) == keys


def test_the_usual_keys_are_in_every_config(steps):
    built, _ = steps
    found = hparams.settings(built.config.model_dump(mode="json"), ())
    assert tuple(found) == hparams.DEFAULT_KEYS and None not in found.values()
    assert found["population.size"] == 32 and found["env.name"] == "bandit"


def test_a_finished_run_is_one_row_with_its_last_numbers(steps, tmp_path):
    run = RunFolder(tmp_path)
    lived(steps, run, 1, 4)
    (group,) = table(tmp_path).values()
    built, found = steps
    assert shown(group) == {
        "agent": hparams.settings(built.config.model_dump(mode="json"), ["agent"])[
            "agent"
        ],
        "agent.hidden": 8,
        "lifetime.same_lives": True,
        "generations": 4,
    }
    values = {value.name.tag: value.value for value in group.metric_values}
    best = float(found[-1].evaluation.fitness.max())
    assert values["fitness/best"] == pytest.approx(best, rel=1e-6)
    assert set(values) == set(hparams.METRICS[:4])
    (session,) = group.sessions
    assert session.status == api_pb2.STATUS_SUCCESS
    assert session.start_time_secs <= session.end_time_secs


def status(folder):
    ((session,),) = (group.sessions for group in table(folder).values())
    return session.status


@pytest.mark.parametrize("begun_again", [False, True])
def test_stops_failures_and_resumes_leave_one_row(steps, tmp_path, begun_again):
    run = RunFolder(tmp_path)
    with pytest.raises(Stopped):
        lived(steps, run, 1, 2, failure=Stopped("by a signal"))
    assert status(tmp_path) == api_pb2.STATUS_UNKNOWN
    with pytest.raises(EvolifeError, match="lightning"):
        lived(steps, run, 3, 3, failure=EvolifeError("lightning"))
    assert status(tmp_path) == api_pb2.STATUS_FAILURE
    lived(steps, run, 1 if begun_again else 4, 4, generations=4)
    assert status(tmp_path) == api_pb2.STATUS_SUCCESS
    (group,) = table(tmp_path).values()
    assert len(group.sessions) == 1 and shown(group)["generations"] == 4


def test_a_lengthened_run_shows_its_new_length(steps, tmp_path):
    run = RunFolder(tmp_path)
    lived(steps, run, 1, 2, generations=2)
    assert [shown(row)["generations"] for row in table(tmp_path).values()] == [2]
    lived(steps, run, 3, 4, generations=4)
    (group,) = table(tmp_path).values()
    assert shown(group)["generations"] == 4
    values = {value.name.tag: value.training_step for value in group.metric_values}
    assert values["fitness/best"] == 4


def test_runs_have_the_same_columns_side_by_side(steps, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        lived(steps, RunFolder(tmp_path / name), 1, 4)
    rows = table(tmp_path)
    assert set(rows) == {"a/tensorboard", "b/tensorboard"}
    held = tuple(sorted(set(KEYS) - LACKED))
    assert {tuple(sorted(shown(row))) for row in rows.values()} == {held}


def test_a_refusing_disk_is_told(tmp_path):
    with pytest.raises(EvolifeError, match="cannot write the event files"):
        hparams.write(Path(tmp_path / "gone"), {"seed": 0.0}, 0.0, None)
