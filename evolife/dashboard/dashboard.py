"""What the dashboard shows, as TensorBoard event files: one a session of a run."""

import dataclasses
import io
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX import summary
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata

from evolife.dashboard.event_file import EventFile
from evolife.dashboard.layout import against_env_steps, layout
from evolife.drawing import BLUE, ORANGE
from evolife.storage.files import storage_errors

_FLUSH_SECONDS = 5.0
_MAP_ROWS = 120
_BINS = 30
_CURVES = (
    "Reward per step within a life: best member (orange) and median member (blue). "
    "Left to right: step of life. The numbers are the ends of the axes."
)


@dataclasses.dataclass(frozen=True)
class _Drawing:
    """An image that waits to be drawn."""

    generation: int
    description: str
    draw: Callable[[], bytes]
    """Returns a PNG file."""


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
            number, host = f"session_{session:04d}", socket.gethostname()
            name = f"{number}.out.tfevents.{int(time.time())}.{host}"
            self._file = EventFile(folder / name)
        self._kept: dict[tuple[str, ...], Event] = {}
        self._drawings: dict[str, _Drawing] = {}
        self._flushed = time.monotonic()
        # TensorBoard takes the first START of a folder for no restart, so that a fresh
        # run must write one too.
        first = 0 if resume_generation is None else resume_generation + 1
        self._file.add(
            Event(step=first, session_log=SessionLog(status=SessionLog.START))
        )
        if session == 1 or first == 0:
            self.summary(layout(), 0)
        self.flush()

    def scalars(self, generation: int, metrics: Mapping[str, Any]) -> None:
        """Write every numeric metric; lists, texts and missing values are passed by."""
        numbers = {
            tag: value
            for tag, value in metrics.items()
            if tag != "generation" and _is_number(value)
        }
        self._numbers(numbers, generation)
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self.flush()

    def env_steps(self, metrics: Mapping[str, Any]) -> None:
        """Write the main scalars of a line of ``metrics.jsonl`` at its ``env_steps``.

        A restart hides all steps beyond its generation, these too: write those of
        every line anew after a resume.
        """
        step, numbers = against_env_steps(metrics)
        known = {tag: value for tag, value in numbers.items() if _is_number(value)}
        self._numbers(known, step)

    def life(self, tag: str, curve: Any, steps: int) -> None:
        """Write the ``(B,)`` reward per step of a life, each at the end of its bin.

        A restart hides what lies beyond its generation, these too: write them anew
        once the champions are known again.
        """
        values = np.asarray(curve, float).tolist()
        for b, value in enumerate(values, start=1):
            self._numbers({tag: value}, b * steps // len(values))

    def population(self, generation: int, fitness: Any) -> None:
        """Write the histogram of the finite ones of ``(K,)`` fitness values."""
        values = np.asarray(fitness, np.float64)
        values = values[np.isfinite(values)]
        if values.size:
            content = summary.histogram("fitness/population", values, _BINS)
            self.summary(content, generation)

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

        def draw() -> bytes:
            from evolife.dashboard.images import line_chart

            return line_chart(drawn, steps)

        self._drawings["life/curves"] = _Drawing(generation, _CURVES, draw)

    def heat_map(
        self,
        tag: str,
        description: str,
        generation: int,
        rows: Sequence[Sequence[float | None]],
        across: int,
    ) -> None:
        """Write the image of ``rows`` from top to bottom, drawn at the next flush.

        ``rows`` are those of generations 1 to ``generation``, taken from the lines of
        ``metrics.jsonl``, so that a resume can rebuild them; many are shown as means
        over consecutive ones. ``across`` is the number at the right end of the axis.
        """
        count = len(rows)
        if not count:
            return

        def draw() -> bytes:
            from evolife.dashboard.images import heat_map

            return heat_map(_thinned(rows[:count]), 1, generation, across)

        self._drawings[tag] = _Drawing(generation, description, draw)

    def picture(self, tag: str, description: str, generation: int, file: bytes) -> None:
        """Write an image that is drawn already, as the content of a PNG file."""
        from PIL import Image

        width, height = Image.open(io.BytesIO(file)).size
        image = Summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=file
        )
        metadata = SummaryMetadata(summary_description=description)
        value = Summary.Value(tag=tag, image=image, metadata=metadata)
        self.summary(Summary(value=[value]), generation)

    def summary(self, content: Summary, generation: int) -> None:
        """Write a summary of any kind."""
        self._file.add(Event(step=int(generation), summary=content))

    def text(self, tag: str, markdown: str, generation: int = 0) -> None:
        """Write a text, for example the resolved config or the champions."""
        self.summary(summary.text(tag, markdown), generation)

    def flush(self) -> None:
        """Draw what waits to be drawn and wait until everything is on disk.

        Call it before a checkpoint is written: a run resumed there then shows no gap.
        """
        # TensorBoard keeps ten images a tag: one for every generation would be waste.
        for tag, drawing in self._drawings.items():
            file = drawing.draw()
            self.picture(tag, drawing.description, drawing.generation, file)
        self._drawings.clear()
        self._file.flush()
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Flush and close the event file."""
        self.flush()
        self._file.close()

    def _numbers(self, numbers: Mapping[str, Any], step: int) -> None:
        """Write scalars; an event of the same tags is kept, as building one is slow."""
        tags = tuple(numbers)
        if tags not in self._kept:
            values = [Summary.Value(tag=tag) for tag in tags]
            self._kept[tags] = Event(summary=Summary(value=values))
        event = self._kept[tags]
        event.step = int(step)
        for value, number in zip(event.summary.value, numbers.values(), strict=True):
            value.simple_value = float(number)
        self._file.add(event)


def _thinned(rows: Sequence[Sequence[float | None]]) -> np.ndarray:
    """Return rows as ``(at most 120, B)`` means over consecutive ones; None is NaN."""
    values = np.array(rows, dtype=np.float64)
    parts = np.array_split(values, min(len(values), _MAP_ROWS))
    return np.stack([part.mean(axis=0) for part in parts])


def _is_number(value: Any) -> bool:
    if type(value) is float:
        return True
    if isinstance(value, bool | np.bool_):
        return False
    return isinstance(value, int | float | np.integer | np.floating)


def _next_session(folder: Path) -> int:
    taken = [path.name[len("session_") :] for path in folder.glob("session_*tfevents*")]
    return 1 + max((int(name.split(".")[0]) for name in taken), default=0)
