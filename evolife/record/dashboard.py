"""TensorBoard event files, through tensorboardX.

``tensorboardX.SummaryWriter`` hands events to a thread: when the disk is full that
thread dies and the next call waits for ever, and what is queued is lost at a kill.
The writer below it works in this thread and raises, so it is used directly.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata

from evolife.record.image import BLUE, ORANGE, Pixels, heat_map, line_chart, png
from evolife.storage.files import storage_errors

_FLUSH_SECONDS = 5.0
_MAP_ROWS = 120
_BANDS = {
    "fitness": {
        "best, mean and median": [
            "Multiline",
            ["fitness/best", "fitness/mean", "fitness/median"],
        ],
        "p10, median, p90": [
            "Margin",
            ["fitness/median", "fitness/p10", "fitness/p90"],
        ],
        "p25, median, p75": [
            "Margin",
            ["fitness/median", "fitness/p25", "fitness/p75"],
        ],
    }
}
_CURVES = (
    "Reward per step within a life: best member (orange) and median member (blue). "
    "Left to right: step of life. The numbers are the ends of the axes."
)
_MAP = (
    "Reward per step within the best member's life. Left to right: step of life; "
    "top to bottom: generation. The squares below show the colours of the lowest "
    "and the highest value."
)


@dataclasses.dataclass(frozen=True)
class _Drawing:
    """An image that waits to be drawn."""

    generation: int
    description: str
    draw: Callable[[], Pixels]


class Dashboard:
    """One session's event file; everything about generation g has step g."""

    def __init__(self, folder: Path, resume_generation: int | None = None) -> None:
        """Open a new event file in ``folder``.

        A resume passes the generation of its checkpoint: TensorBoard then hides what
        earlier sessions wrote beyond it. Raises ``EvolifeError`` if the disk refuses.
        """
        self._folder = folder
        with storage_errors("write the event files in", folder):
            folder.mkdir(parents=True, exist_ok=True)
            session = _next_session(folder)
            # A number at the front keeps the sessions in order, whatever the clock of
            # the machine that resumes says, and two files in one second apart.
            self._writer = EventsWriter(str(folder / f"session_{session:04d}"))
        self._drawings: dict[str, _Drawing] = {}
        self._flushed = time.monotonic()
        # TensorBoard takes the first START of a folder for no restart, so that a fresh
        # run must write one too.
        first = 0 if resume_generation is None else resume_generation + 1
        self._event(Event(step=first, session_log=SessionLog(status=SessionLog.START)))
        if session == 1 or first == 0:
            self._summary(summary.custom_scalars(_BANDS), 0)
        self.flush()

    def scalars(self, generation: int, metrics: Mapping[str, Any]) -> None:
        """Write every numeric metric; lists, texts and missing values are passed by."""
        values = [
            Summary.Value(tag=tag, simple_value=float(value))
            for tag, value in metrics.items()
            if tag != "generation" and _is_number(value)
        ]
        self._summary(Summary(value=values), generation)
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self.flush()

    def population(self, generation: int, fitness: Any) -> None:
        """Write the histogram of ``(K,)`` fitness values."""
        values = np.asarray(fitness, dtype=np.float64)
        values = values[np.isfinite(values)]
        if not values.size:
            return
        counts, edges = np.histogram(values, bins=30)
        histogram = HistogramProto(
            min=edges[0],
            max=edges[-1],
            num=values.size,
            sum=values.sum(),
            sum_squares=values @ values,
            bucket_limit=edges[1:],
            bucket=counts,
        )
        value = Summary.Value(tag="fitness/population", histo=histogram)
        self._summary(Summary(value=[value]), generation)

    def life_curves(self, generation: int, best: Any, median: Any, steps: int) -> None:
        """Write the ``(B,)`` within-life reward rates of the best and median member.

        As an image, drawn at the next flush, and as scalars: the mean over the first
        and the last quarter of life, ``life/best_early`` and so on.
        """
        curves = {"best": np.asarray(best, float), "median": np.asarray(median, float)}
        ends = {}
        for name, curve in curves.items():
            quarter = -(-len(curve) // 4)
            ends[f"life/{name}_early"] = curve[:quarter].mean()
            ends[f"life/{name}_late"] = curve[-quarter:].mean()
        self.scalars(generation, ends)
        drawn = [(curves["median"], BLUE), (curves["best"], ORANGE)]
        self._drawings["life/curves"] = _Drawing(
            generation, _CURVES, lambda: line_chart(drawn, steps)
        )

    def life_map(
        self,
        generation: int,
        rows: Sequence[Sequence[float | None]],
        steps: int,
        first: int = 1,
    ) -> None:
        """Write the image generation x step of life of the best members.

        ``rows`` is ``(recorded generations, B)``, from generation ``first`` to
        ``generation``: the ``life/best`` of the lines of ``metrics.jsonl``, so that a
        resume can rebuild them.
        """
        self.heat_map("life/map", _MAP, generation, rows, steps, first)

    def heat_map(
        self,
        tag: str,
        description: str,
        generation: int,
        rows: Sequence[Sequence[float | None]],
        across: int,
        first: int = 1,
    ) -> None:
        """Write the image of ``rows`` from top to bottom, drawn at the next flush.

        ``across`` is the number at the right end of the horizontal axis. Many rows are
        shown as means over consecutive ones.
        """
        count = len(rows)
        if count:
            self._drawings[tag] = _Drawing(
                generation,
                description,
                lambda: heat_map(_thinned(rows[:count]), first, generation, across),
            )

    def text(self, tag: str, markdown: str, generation: int = 0) -> None:
        """Write a text, for example the resolved config or the champions."""
        self._summary(summary.text(tag, markdown), generation)

    def flush(self) -> None:
        """Draw what waits to be drawn and wait until everything is on disk.

        Call it before a checkpoint is written: a run resumed there then shows no gap.
        """
        # TensorBoard keeps ten images a tag: one for every generation would be waste.
        for tag, drawing in self._drawings.items():
            self._image(tag, drawing)
        self._drawings.clear()
        with storage_errors("write the event files in", self._folder):
            self._writer.flush()
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Flush and close the event file."""
        self.flush()
        with storage_errors("write the event files in", self._folder):
            self._writer.close()

    def _image(self, tag: str, drawing: "_Drawing") -> None:
        pixels = drawing.draw()
        height, width, channels = pixels.shape
        image = Summary.Image(
            height=height,
            width=width,
            colorspace=channels,
            encoded_image_string=png(pixels),
        )
        metadata = SummaryMetadata(summary_description=drawing.description)
        value = Summary.Value(tag=tag, image=image, metadata=metadata)
        self._summary(Summary(value=[value]), drawing.generation)

    def _summary(self, content: Summary, step: int) -> None:
        self._event(Event(step=int(step), summary=content))

    def _event(self, event: Event) -> None:
        event.wall_time = time.time()
        with storage_errors("write the event files in", self._folder):
            self._writer.write_event(event)


def _thinned(rows: Sequence[Sequence[float | None]]) -> np.ndarray:
    """Return rows as ``(at most 120, B)`` means over consecutive ones; None is NaN."""
    values = np.array(rows, dtype=np.float64)
    parts = np.array_split(values, min(len(values), _MAP_ROWS))
    return np.stack([part.mean(axis=0) for part in parts])


def _is_number(value: Any) -> bool:
    if isinstance(value, bool | np.bool_):
        return False
    return isinstance(value, int | float | np.integer | np.floating)


def _next_session(folder: Path) -> int:
    taken = [path.name[len("session_") :] for path in folder.glob("session_*tfevents*")]
    return 1 + max((int(name.split(".")[0]) for name in taken), default=0)
