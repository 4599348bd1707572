"""The lines of a run's metrics: short, exact, and whole whatever happens."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from evolife.errors import EvolifeError, InvalidInput
from evolife.storage.metrics import MetricsFile, read
from evolife.strict_json import plain


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
