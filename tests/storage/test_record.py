import errno
import io
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing import (
    event_accumulator,
    plugin_event_accumulator,
)
from tensorboard.plugins.custom_scalar import layout_pb2

from evolife import drawing
from evolife.console import progress
from evolife.console.terminal import Terminal
from evolife.dashboard import images
from evolife.dashboard.dashboard import Dashboard
from evolife.engine.summary import fitness_summary
from evolife.errors import EvolifeError, InvalidInput
from evolife.storage import run_folder
from evolife.storage.metrics import MetricsFile, read
from evolife.strict_json import plain


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


# --- metrics.jsonl


def written(path: Path, generations: range) -> MetricsFile:
    metrics = MetricsFile(path)
    for generation in generations:
        metrics.append({"generation": generation, "fitness/best": generation / 3})
    return metrics


def test_numbers_come_back_and_are_short(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=200).astype(np.float32)
    record = {
        "generation": np.int64(1),
        "curve": values,
        "tenth": np.float32(0.1),
        "third": 1 / 3,
        "flag": np.bool_(True),
        "missing": math.nan,
        "all": [np.float32(np.inf), None, -math.inf, {"x": np.float64(2.5)}],
    }
    MetricsFile(tmp_path / "m").append(record)
    text = (tmp_path / "m").read_text()
    assert text.endswith("\n") and '"tenth":0.1,' in text
    line = json.loads(text, parse_constant=pytest.fail)
    assert np.array_equal(np.float32(line["curve"]), values)
    assert line["third"] == 1 / 3 and line["flag"] is True and line["missing"] is None
    assert line["all"] == [None, None, None, {"x": 2.5}]
    with pytest.raises(TypeError, match="object"):
        plain(object())


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    written(path, range(1, 6)).close()
    whole = path.read_bytes()
    starts = [0, *(i + 1 for i, byte in enumerate(whole) if byte == ord("\n"))]
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        expected = sum(start <= length for start in starts[1:])
        assert [line["generation"] for line in read(path)] == [*range(1, expected + 1)]


def test_truncation_drops_later_and_torn_lines(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    written(path, range(1, 8)).close()
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines) + '{"generation": 8, "fit')
    metrics = MetricsFile(path)
    assert metrics.truncate_after(4) == {"generation": 4, "fitness/best": 4 / 3}
    assert path.read_text() == "".join(lines[:4])
    metrics.append({"generation": 5, "fitness/best": 5 / 3})
    assert path.read_text() == "".join(lines[:5])
    assert metrics.truncate_after(0) is None and path.read_text() == ""
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_an_altered_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"generation": 1}\nnonsense\n{"generation": 3}\n')
    with pytest.raises(InvalidInput, match="line 2"):
        read(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_clearly() -> None:
    with pytest.raises(EvolifeError, match=r"/dev/full.*free some space"):
        MetricsFile(Path("/dev/full")).append({"generation": 1})


def test_the_fitness_of_0_to_100_in_closed_form() -> None:
    shuffled = np.random.default_rng(0).permutation(101).astype(np.float32)
    expected = {"best": 100, "mean": 50, "median": 50, "std": math.sqrt(850)}
    expected |= {"p10": 10, "p25": 25, "p75": 75, "p90": 90}
    summary = fitness_summary(shuffled)
    assert summary == pytest.approx({f"fitness/{k}": v for k, v in expected.items()})


# --- TensorBoard, through its own readers


def loaded(folder: Path) -> event_accumulator.EventAccumulator:
    everything = {"scalars": 0, "images": 0, "histograms": 0, "tensors": 0}
    reader = event_accumulator.EventAccumulator(str(folder), everything)
    return reader.Reload()


def shown(folder: Path, tag: str) -> list[tuple[int, float]]:
    """What TensorBoard's pages show; its reader differs from the one above."""
    everything = {plugin_event_accumulator.TENSORS: 0}
    reader = plugin_event_accumulator.EventAccumulator(str(folder), everything)
    reader.Reload()
    return [(e.step, e.tensor_proto.float_val[0]) for e in reader.Tensors(tag)]


def live(dashboard: Dashboard, generations: range, value: float) -> None:
    for generation in generations:
        dashboard.scalars(generation, {"generation": generation, "fitness/best": value})


def test_everything_is_found_under_its_tag(tmp_path: Path) -> None:
    dashboard = Dashboard(tmp_path)
    dashboard.text("config", "```yaml\nseed: 0\n```")
    metrics = {"fitness/best": np.float32(1.5), "env_steps": 7, "digest": "ab"}
    dashboard.scalars(1, {**metrics, "ok": True, "life/best": [1.0], "gone": None})
    fitness = np.arange(100.0)
    dashboard.population(1, [*fitness, math.nan])
    dashboard.life_curves(1, np.arange(8.0), np.zeros(8), steps=4096)
    dashboard.life_map(1, [[0.0, None, 1.0, 2.0]], steps=4096)
    dashboard.close()
    reader = loaded(tmp_path)
    tags = reader.Tags()
    ends = {
        f"life/{who}_{end}" for who in ("best", "median") for end in ("early", "late")
    }
    assert set(tags["scalars"]) == {"fitness/best", "env_steps", *ends}
    assert set(tags["images"]) == {"life/curves", "life/map"}
    assert [(e.step, e.value) for e in reader.Scalars("fitness/best")] == [(1, 1.5)]
    assert reader.Scalars("life/best_early")[0].value == 0.5
    assert reader.Scalars("life/best_late")[0].value == 6.5
    histogram = reader.Histograms("fitness/population")[0].histogram_value
    assert (histogram.num, sum(histogram.bucket)) == (100, 100)
    assert histogram.sum == fitness.sum() and histogram.max == 99
    text = reader.Tensors("config/text_summary")[0].tensor_proto.string_val[0]
    assert text.decode() == "```yaml\nseed: 0\n```"


def test_the_bands_are_laid_out_once(tmp_path: Path) -> None:
    Dashboard(tmp_path).close()
    Dashboard(tmp_path, resume_generation=4).close()
    events = loaded(tmp_path).Tensors("custom_scalars__config__")
    assert [event.step for event in events] == [0]
    layout = layout_pb2.Layout.FromString(events[0].tensor_proto.string_val[0])
    charts = layout.category[0].chart
    assert [chart.WhichOneof("content") for chart in charts].count("margin") == 2
    series = charts[1].margin.series[0]
    assert (series.lower, series.value, series.upper) == (
        "fitness/p10",
        "fitness/median",
        "fitness/p90",
    )


def test_a_run_begun_again_before_its_first_checkpoint_keeps_its_bands(
    tmp_path: Path,
) -> None:
    for session in (1.0, 2.0):
        dashboard = Dashboard(tmp_path)
        live(dashboard, range(1, 4), session)
        dashboard.close()
    assert shown(tmp_path, "fitness/best") == [(1, 2.0), (2, 2.0), (3, 2.0)]
    reader = plugin_event_accumulator.EventAccumulator(str(tmp_path))
    assert len(reader.Reload().Tensors("custom_scalars__config__")) == 1


def test_images_are_drawn_once_a_flush_as_they_were_then(tmp_path: Path) -> None:
    dashboard = Dashboard(tmp_path)
    rows: list[list[float | None]] = []
    for generation in range(1, 7):
        rows.append([generation, 0.0])
        dashboard.life_map(generation, rows, steps=9)
        if generation == 3:
            dashboard.flush()
            dashboard.flush()
    rows.append([1e9, 0.0])
    dashboard.close()
    events = loaded(tmp_path).Images("life/map")
    assert [event.step for event in events] == [3, 6]
    expected = images.heat_map(np.array(rows[:6], dtype=float), 1, 6, 9)
    assert events[1].encoded_image_string == expected


def test_resumed_curves_do_not_overlap(tmp_path: Path) -> None:
    dashboard = Dashboard(tmp_path)
    dashboard.text("config", "seed: 0")
    live(dashboard, range(1, 11), 1.0)
    dashboard.close()
    expected = [(generation, 1.0) for generation in range(1, 11)]
    for session, start in ((2.0, 6), (3.0, 8), (4.0, 0)):
        dashboard = Dashboard(tmp_path, resume_generation=start)
        live(dashboard, range(start + 1, 13), session)
        dashboard.close()
        expected = expected[:start] + [(g, session) for g in range(start + 1, 13)]
        assert shown(tmp_path, "fitness/best") == expected
        events = loaded(tmp_path).Scalars("fitness/best")
        assert [(event.step, event.value) for event in events] == expected
    assert loaded(tmp_path).Tensors("config/text_summary")[0].step == 0


def test_a_kill_in_mid_write_costs_only_what_came_after_the_flush(
    tmp_path: Path,
) -> None:
    dashboard = Dashboard(tmp_path)
    live(dashboard, range(1, 6), 1.0)
    dashboard.flush()
    file = next(tmp_path.iterdir())
    flushed = file.stat().st_size
    live(dashboard, range(6, 9), 1.0)
    dashboard.close()
    file.write_bytes(file.read_bytes()[: flushed + 9])
    resumed = Dashboard(tmp_path, resume_generation=5)
    live(resumed, range(6, 8), 2.0)
    resumed.close()
    expected = [(g, 1.0 if g < 6 else 2.0) for g in range(1, 8)]
    assert shown(tmp_path, "fitness/best") == expected


def test_a_full_disk_ends_the_dashboard_with_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dashboard = Dashboard(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EvolifeError, match="free some space"):
        dashboard.flush()


# --- images


def decoded(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        return np.asarray(picture)


def test_what_draws_nothing_does_not_import_pillow() -> None:
    """All ranks import the run, and only the first one draws."""
    check = "import sys, evolife.run.train; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0


def test_brighter_means_more() -> None:
    ramp = images.colours(np.linspace(-3, 5, 50)[None], -3, 5)[0].astype(float)
    assert (np.diff(ramp @ [0.2126, 0.7152, 0.0722]) > 0).all()
    grey = images.colours(np.array([[math.nan]]), 0, 1)[0, 0]
    assert grey[0] == grey[1] == grey[2]


def test_a_rising_curve_is_drawn_rising() -> None:
    file = images.line_chart([(np.arange(10.0), drawing.ORANGE)], steps=100)
    chart = decoded(file)
    rows, columns = np.nonzero((chart == drawing.ORANGE).all(-1))
    height = [rows[columns == x].mean() for x in np.unique(columns)]
    assert len(height) > 400 and (np.diff(height) <= 0).all()
    for empty in (np.full(3, math.nan), np.zeros(1), np.ones(4)):
        file = images.line_chart([(empty, drawing.BLUE)], steps=9)
        assert (decoded(file) == drawing.BLUE).all(-1).any() == np.isfinite(empty).any()


@pytest.mark.parametrize("generations", [1, 7, 500])
def test_the_life_map_keeps_generations_down_and_life_across(
    tmp_path: Path, generations: int
) -> None:
    rows = [[g / generations, g / generations + 1.0] for g in range(generations)]
    dashboard = Dashboard(tmp_path)
    dashboard.life_map(generations, rows, steps=4096)
    dashboard.close()
    event = loaded(tmp_path).Images("life/map")[0]
    pixels = decoded(event.encoded_image_string).astype(float).sum(-1)
    assert (event.step, event.height, event.width) == (generations, *pixels.shape)
    assert pixels[5, -5] > pixels[5, 70]
    if generations > 1:
        assert pixels[200, 70] > pixels[5, 70]


# --- the terminal


def spoken(**options: object) -> tuple[Terminal, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    return Terminal(stdout=out, stderr=err, **options), out, err


CHAMPION = {
    "rank": 1,
    "source": "generation 120, member 17, an uncommonly long story of its origin",
    "selected": 6.9,
    "validated": 6.7,
    "held_out": 6.5,
    "interval": (6.4, 6.6),
    "gap": 0.2,
}


def test_json_mode_prints_one_document_and_nothing_else() -> None:
    terminal, out, err = spoken(json=True)
    terminal.text("words")
    terminal.table("t", ["a"], [[1]])
    terminal.champions([CHAMPION])
    terminal.warning("beware")
    with terminal.progress(3) as display:
        display.update(1, {"fitness/best": 1.0})
    terminal.print_json({"score": np.float32(0.1), "gap": math.nan, "name": "é" * 200})
    document = json.loads(out.getvalue())
    assert document == {"score": 0.1, "gap": None, "name": "é" * 200}
    assert "evolife: warning: beware\n" in err.getvalue()
    with pytest.raises(RuntimeError, match="one JSON document"):
        terminal.print_json({})


def test_the_table_fits_80_columns_and_says_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    terminal, out, err = spoken()
    terminal.champions([CHAMPION])
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80 and err.getvalue() == ""
    for word in ("6.7", "6.5", "6.4 .. 6.6", "0.2", "uncommonly", "held-out"):
        assert word in out.getvalue()


def test_messages_stay_whole_without_markup_or_escape_codes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    terminal, out, err = spoken()
    path = "/tmp/" + "long" * 40
    terminal.warning(f"[red]no[/red] :smile: {path}")
    terminal.text(path)
    assert err.getvalue() == f"evolife: warning: [red]no[/red] :smile: {path}\n"
    assert out.getvalue() == path + "\n"
    terminal.table("agents", ["name"], [["gru"]])
    assert "gru" in out.getvalue() and "\x1b" not in out.getvalue()


def test_progress_elsewhere_is_the_first_a_few_and_the_last_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    terminal, out, err = spoken(interval=10.0)
    with terminal.progress(total=50, done=10) as display:
        for generation in range(11, 48):
            now[0] += 260.0 if generation == 11 else 1.0
            metrics = {"fitness/best": 1.5, "env_steps_per_s": 5.4e6}
            display.update(generation, metrics)
    lines = err.getvalue().splitlines()
    said = [int(line.split()[1].split("/")[0]) for line in lines]
    assert said == [11, 21, 31, 41, 47]
    # The first generation of a session is no pace: everything is compiled in it.
    assert lines[0] == "generation 11/50  best 1.5  5.4M steps/s  ETA -:--"
    assert lines[1] == "generation 21/50  best 1.5  5.4M steps/s  ETA 0:29"
    assert "\x1b" not in err.getvalue() and out.getvalue() == ""


def test_the_screen_is_given_back_after_an_interrupt() -> None:
    err = Screen()
    terminal = Terminal(stdout=io.StringIO(), stderr=err)
    with pytest.raises(KeyboardInterrupt), terminal.progress(9) as display:
        display.update(3, {"fitness/best": 1.25})
        raise KeyboardInterrupt
    hidden, given_back = (
        err.getvalue().find("\x1b[?25l"),
        err.getvalue().rfind("\x1b[?25h"),
    )
    assert 0 <= hidden < given_back
    assert "1.25" in err.getvalue()


def test_durations_and_counts_read_well() -> None:
    assert [progress.duration(s) for s in (0, 59.6, 3599, 3661)] == [
        "0:00",
        "1:00",
        "59:59",
        "1:01:01",
    ]
    assert [progress.count(n) for n in (950, 12_345, 5.4e6, 2e9)] == [
        "950",
        "12.3k",
        "5.4M",
        "2G",
    ]


# --- the run folder


def test_a_fresh_run_has_its_folders_and_config(tmp_path: Path) -> None:
    run = run_folder.create(tmp_path / "a" / "b", "seed: 0\n")
    assert run.config_path.read_text() == "seed: 0\n"
    names = {path.name for path in run.path.iterdir()}
    assert names == {"config.yaml", "tensorboard", "checkpoints", "champions", "logs"}
    assert run.log_path(7) == run.path / "logs" / "rank_0007.log"
    assert run_folder.open_run(run.path) == run


def test_what_is_there_is_refused_and_left_alone(tmp_path: Path) -> None:
    run = run_folder.create(tmp_path / "run", "seed: 0\n")
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("precious")
    file = tmp_path / "file"
    file.write_text("precious")
    cases = [
        (run.path, rf"--resume {run.path}"),
        (other, "not empty"),
        (file, "is a file"),
        (file / "below", "choose another"),
    ]
    before = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    for path, words in cases:
        with pytest.raises(InvalidInput, match=words) as caught:
            run_folder.create(path, "seed: 1\n")
        assert str(path) in str(caught.value) and "--out" in str(caught.value)
    after = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, EvolifeError), (errno.EACCES, InvalidInput)]
)
def test_a_refusing_disk_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type
) -> None:
    def refuse(path: Path, content: bytes) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(run_folder, "write_atomically", refuse)
    with pytest.raises(EvolifeError, match="run: refused") as caught:
        run_folder.create(tmp_path / "run", "seed: 0\n")
    assert type(caught.value) is kind
    (tmp_path / "empty").mkdir()
    with pytest.raises(kind):
        run_folder.create(tmp_path / "empty", "seed: 0\n")
    assert [*tmp_path.rglob("*")] == [tmp_path / "empty"]


def test_a_missing_run_names_its_neighbour(tmp_path: Path) -> None:
    run_folder.create(tmp_path / "oven-gru", "seed: 0\n")
    with pytest.raises(InvalidInput, match="did you mean 'oven-gru'"):
        run_folder.open_run(tmp_path / "oven-gur")
    with pytest.raises(InvalidInput, match=r"no config\.yaml"):
        run_folder.open_run(tmp_path)


def test_default_folders_are_unused(tmp_path: Path) -> None:
    paths = []
    for _ in range(3):
        paths.append(run_folder.fresh_path("demo", tmp_path))
        run_folder.create(paths[-1], "seed: 0\n")
    assert len(set(paths)) == 3
    assert all(path.name.startswith("demo-2") for path in paths)
