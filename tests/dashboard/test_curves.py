"""Curves and images of a run, as TensorBoard's own readers find them."""

import errno
import io
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
from evolife.dashboard import images
from evolife.dashboard.dashboard import Dashboard
from evolife.errors import EvolifeError


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
    dashboard.heat_map("life/map", "a map", 1, [[0.0, None, 1.0, 2.0]], 4096)
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
        dashboard.heat_map("life/map", "a map", generation, rows, 9)
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
    dashboard.heat_map("life/map", "a map", generations, rows, 4096)
    dashboard.close()
    event = loaded(tmp_path).Images("life/map")[0]
    pixels = decoded(event.encoded_image_string).astype(float).sum(-1)
    assert (event.step, event.height, event.width) == (generations, *pixels.shape)
    assert pixels[5, -5] > pixels[5, 70]
    if generations > 1:
        assert pixels[200, 70] > pixels[5, 70]
