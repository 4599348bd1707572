"""What a run shows while it goes on: a second axis, films, ranks and warnings."""

import dataclasses
import io
import json
import struct
import time

import crc32c
import numpy as np
import pytest
import tensorboardX.crc32c
from PIL import Image
from tensorboard.backend.event_processing import (
    event_accumulator,
    plugin_event_accumulator,
)
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboardX.proto.event_pb2 import Event

from evolife.config.model import load_config
from evolife.dashboard.dashboard import Dashboard
from evolife.dashboard.event_file import EventFile, framed
from evolife.dashboard.layout import LIFE, UNLEARNED
from evolife.engine.evolution import begin, evolve
from evolife.errors import EvolifeError, InvalidInput
from evolife.plugins.build import build_run
from evolife.ranks.mpi import Serial
from evolife.run import film, filmstrip
from evolife.run.journal import Journal
from evolife.storage.run_folder import RunFolder
from tests.cli_tools import TINY, complaint, digests, metrics, run_here

OVEN = (
    *("control=null", "agent.hidden=8", "population.size=16", "population.tile=8"),
    *("lifetime.lives=2", "lifetime.steps=60", "env.delay=10", "generations=3"),
    "best_of_k={keep: 1, lives: 4, archive: 2}",
)


class Quiet:
    def update(self, generation, metrics):
        pass


def loaded(folder):
    everything = {"scalars": 0, "images": 0, "histograms": 0, "tensors": 0}
    return event_accumulator.EventAccumulator(str(folder), everything).Reload()


def series(folder, tag):
    return [(event.step, event.value) for event in loaded(folder).Scalars(tag)]


@pytest.fixture(scope="module")
def oven():
    """An oven that is filmed every second generation, and its three generations."""
    built = build_run(load_config("oven", [*OVEN, "record.film_every=2"], ()))
    given = built.experiment, begin(built.experiment), 0, Serial(), pytest.fail
    return built, list(evolve(*given))


@pytest.fixture(scope="module")
def recorded(oven, tmp_path_factory):
    """The folder of a session that recorded them, with two warnings on the way."""
    built, steps = oven
    folder = RunFolder(tmp_path_factory.mktemp("oven"))
    with Journal(built, folder, 0, Quiet(), ranks=3) as journal:
        journal.record(steps[0])
        journal.warn("first")
        journal.warn("second")
        for step in steps[1:]:
            journal.record(step)
    return folder


@pytest.fixture(scope="module")
def camera(oven):
    """Compiled once for all tests."""
    return film.Camera(oven[0].experiment)


def unfilmed(built):
    record = built.config.record.model_copy(update={"film_every": None})
    config = built.config.model_copy(update={"record": record})
    return dataclasses.replace(built, config=config)


# --- event files


def test_checksums_are_those_of_the_standard():
    """RFC 3720, B.4: the CRC-32C of 32 bytes of zeros; TensorFlow rotates and adds."""
    masked = ((0x8A9136AA >> 15 | 0x8A9136AA << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert framed(bytes(32))[-4:] == struct.pack("<I", masked)


def test_checksums_are_not_counted_in_the_interpreter():
    """Which takes tens of times longer, and is tensorboardX's last resort."""
    assert crc32c.crc32c is tensorboardX.crc32c.crc32c


def test_records_are_framed_as_tensorboard_reads_them(tmp_path):
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import (
        PyRecordReader_New,
    )

    records = [bytes([i]) * (4 + 700 * i) for i in range(9)]
    (tmp_path / "it").write_bytes(b"".join(map(framed, records)))
    reader = PyRecordReader_New(str(tmp_path / "it"), 0, b"", None)
    found = []
    for _ in records:
        reader.GetNext()
        found.append(reader.record())
    assert found == records


def test_events_wait_for_a_flush_and_are_whole_then(tmp_path):
    file = EventFile(tmp_path / "x.tfevents.0")
    event = Event(step=1)
    file.add(event)
    event.step = 2
    file.add(event)
    assert (tmp_path / "x.tfevents.0").stat().st_size == 0
    file.flush()
    content, steps = (tmp_path / "x.tfevents.0").read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        steps.append(Event.FromString(content[12 : 12 + length]).step)
        content = content[16 + length :]
    assert steps == [0, 1, 2]
    with pytest.raises(EvolifeError, match="cannot write the event files"):
        EventFile(tmp_path / "x.tfevents.0")
    file.close()


def test_a_generation_costs_less_than_a_tenth_of_a_millisecond(oven, tmp_path):
    """Of this process's time, at its best of ten, with everything on disk."""
    built, steps = oven
    with Journal(built, RunFolder(tmp_path), 0, Quiet()) as journal:
        line = journal._line(dataclasses.replace(steps[0], details=None))
    dashboard, spent = Dashboard(tmp_path / "other"), []
    for _ in range(10):
        begun = time.process_time()
        for generation in range(300):
            dashboard.scalars(generation, line)
            dashboard.env_steps(line)
        dashboard.flush()
        spent.append((time.process_time() - begun) / 300)
    assert len(line) > 20 and min(spent) < 1e-4, spent


# --- environment steps


def test_main_scalars_are_shown_against_environment_steps(oven, recorded):
    built, _ = oven
    each = built.experiment.settings.steps_per_generation
    lines = metrics(recorded.path)
    assert each == 16 * 2 * 60
    for tag in ("fitness/best", "fitness/mean", "fitness/median", "life/late"):
        found = series(recorded.tensorboard, f"by_env_steps/{tag}")
        assert [step for step, _ in found] == [each, 2 * each, 3 * each]
        wanted = [np.float32(line[tag]) for line in lines]
        assert [value for _, value in found] == wanted
        assert [value for _, value in series(recorded.tensorboard, tag)] == wanted


def test_steps_beyond_int64_stay_at_the_largest(tmp_path):
    dashboard = Dashboard(tmp_path)
    for steps in (2**63 - 1, 2**63, 10**30):
        dashboard.env_steps({"env_steps": steps, "fitness/best": 1.5})
    dashboard.close()
    found = series(tmp_path, "by_env_steps/fitness/best")
    assert found == [(2**63 - 1, 1.5)] * 3


def test_a_resume_shows_every_generation_once(oven, tmp_path):
    """TensorBoard hides all steps beyond a restart's, also those of this axis."""
    built, steps = unfilmed(oven[0]), oven[1]
    each = built.experiment.settings.steps_per_generation
    folder = RunFolder(tmp_path)
    for done, end in ((0, 3), (2, 3), (0, 2), (1, 3)):
        with Journal(built, folder, done, Quiet()) as journal:
            for step in steps[done:end]:
                journal.record(step)
        found = series(folder.tensorboard, "by_env_steps/fitness/best")
        assert [step for step, _ in found] == [each * (g + 1) for g in range(end)]
        assert [g for g, _ in series(folder.tensorboard, "fitness/best")] == [
            *range(1, end + 1)
        ]
        # The reader behind the pages, which heeds a restart for what is not a scalar.
        pages = plugin_event_accumulator.EventAccumulator(str(folder.tensorboard))
        charts = pages.Reload().Tensors("custom_scalars__config__")
        assert [chart.step for chart in charts] == [0]


def test_the_layout_names_scalars_that_are_written(recorded):
    reader = loaded(recorded.tensorboard)
    (event,) = reader.Tensors("custom_scalars__config__")
    layout = layout_pb2.Layout.FromString(event.tensor_proto.string_val[0])
    charts = {c.title: c for category in layout.category for c in category.chart}
    assert {"life: early and late", "against environment steps"} <= set(charts)
    # These two come with the champions.
    scalars = {*reader.Tags()["scalars"], LIFE, UNLEARNED}
    for chart in charts.values():
        for tag in chart.multiline.tag:
            assert tag.removesuffix("$") in scalars
        for band in chart.margin.series:
            assert {band.lower, band.value, band.upper} <= scalars


def test_a_life_is_written_at_the_steps_of_life_where_its_bins_end(tmp_path):
    dashboard = Dashboard(tmp_path)
    dashboard.life(LIFE, np.array([0.25, 0.5, 1.0], np.float32), 10)
    dashboard.close()
    assert series(tmp_path, LIFE) == [(3, 0.25), (6, 0.5), (10, 1.0)]


# --- ranks and warnings


def test_lines_tell_of_ranks_and_of_warnings_once(recorded):
    lines = metrics(recorded.path)
    assert [line["ranks"] for line in lines] == [3, 3, 3]
    assert [line.get("warnings") for line in lines] == [None, ["first", "second"], None]


def test_the_slowest_rank_is_named(oven, tmp_path, monkeypatch):
    built, steps = oven
    table = steps[0].evaluation.gathered._replace(rank_seconds=[0.5, 2.0, 1.0, 0.25])
    monkeypatch.setattr(steps[0].evaluation, "gathered", table)
    with Journal(built, RunFolder(tmp_path), 0, Quiet()) as journal:
        journal.record(steps[0])
    (line,) = metrics(tmp_path)
    found = {
        key: line[f"ranks/{key}"] for key in ("live_min", "live_median", "live_max")
    }
    assert found == {"live_min": 0.25, "live_median": 0.75, "live_max": 2.0}
    assert line["ranks/slowest"] == 1


# --- films


def test_a_film_is_of_the_life_that_the_generation_measured(oven, camera):
    built, steps = oven
    slack = 4 * float(np.finfo(np.float32).eps) * built.experiment.settings.steps
    for step in steps:
        best = int(np.argmax(step.evaluation.fitness))
        seen = camera.best_life(step.evaluation)
        score = step.evaluation.scores[best, 0]
        # Only the cut into bins differs, and with it the order of a sum.
        assert seen.returns[-1] == pytest.approx(score, rel=0, abs=slack)
        assert seen.outcome.score == pytest.approx(score, rel=0, abs=slack)
    others = np.concatenate([step.evaluation.scores.ravel() for step in steps])
    assert len(np.unique(others)) > 20, "lives are told apart by their scores"


def test_films_come_now_and_then_and_at_the_end(oven, camera, recorded):
    built, steps = oven
    events = loaded(recorded.tensorboard).Images("champion/film")
    assert [event.step for event in events] == [2, 3]
    seen = camera.best_life(steps[1].evaluation)
    shape = (filmstrip.STILLS * filmstrip.WIDTH, filmstrip.HEIGHT)
    for event in events:
        assert (event.width, event.height) == shape
    world = built.experiment.environment
    assert events[0].encoded_image_string == filmstrip.stills(world, seen, "oven")
    with Image.open(io.BytesIO(events[1].encoded_image_string)) as picture:
        assert picture.size == shape


def test_a_strip_is_the_film_of_evaluate_without_what_is_between(
    oven, camera, tmp_path
):
    built, steps = oven
    seen = camera.best_life(steps[0].evaluation)
    world = built.experiment.environment
    filmstrip.write(tmp_path, world, seen, "oven")
    strip = filmstrip.stills(world, seen, "oven")
    assert (tmp_path / "film.png").read_bytes() == strip


def test_filming_changes_no_bit_of_evolution(tmp_path):
    found = []
    for words in ((), ("record.film_every=1",)):
        folder = tmp_path / str(len(words))
        result = run_here("train", "oven", *OVEN, *words, "--ranks", 1, "--out", folder)
        assert result.returncode == 0, result.stderr
        table = json.loads((folder / "champions" / "champions.json").read_text())
        best = table["champions"][0]
        for name in ("held_out", "gap"):
            shown = series(folder / "tensorboard", f"champion/{name}")
            assert shown == [(3, np.float32(best[name]))]
        found.append((digests(folder), table))
    assert found[0] == found[1]


def test_a_stop_asked_for_while_filming_leaves_no_film(oven, camera, monkeypatch):
    _, steps = oven
    monkeypatch.setattr(steps[0].evaluation, "ranks", Serial())
    steps[0].evaluation.ranks.request_stop()
    assert camera.best_life(steps[0].evaluation) is None


# --- what is refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["record.film_every=0"], ["record.film_every = 0", "1"]),
        (["record.film_every=often"], ["record.film_every", "often"]),
        (["record.hparams=seed"], ['record.hparams = "seed"', "list"]),
        (["record.hparams=[1]"], ["record.hparams", "1"]),
        (["record={film_every: 5, tensorboard: false}"], ["film_every (5)", "null"]),
    ],
)
def test_bad_settings_are_refused(words, said):
    with pytest.raises(InvalidInput) as refusal:
        load_config("bandit", words, ())
    for word in said:
        assert word in str(refusal.value)


def test_a_world_without_drawings_is_refused_before_it_is_lived_in(tmp_path):
    words = ("train", "bandit", *TINY, "generations=1", "record.film_every=1")
    told = complaint(run_here(*words, "--ranks", 1, "--out", tmp_path / "run"))
    assert "record.film_every: the environment 'bandit' has no method draw" in told
    assert told.endswith("mover, oven, recall")
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
