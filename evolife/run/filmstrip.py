"""The pictures of a life that was looked at: an animated GIF, and a strip of stills."""

import inspect
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evolife.base import Action, Environment, EnvState
from evolife.drawing import BLUE, GREY, INK, PALE, WHITE, Pen
from evolife.engine.lifetime import Outcome
from evolife.envs.wrappers import innermost
from evolife.errors import InvalidInput
from evolife.plugins.files import plugin_errors
from evolife.storage.files import write_atomically
from evolife.storage.run_folder import FILMS

if TYPE_CHECKING:
    from PIL.Image import Image

STILLS = 8
"""How many pictures the strip shows."""
WIDTH, HEIGHT = 288, 376
"""Pixels of a picture: a square, and the chart below it."""
_FINE = 2
"""Pixels drawn for each that is shown, in both directions: smooth edges."""
_MILLISECONDS, _LAST_MILLISECONDS = 80, 1500
_COLOURS = 64


class Scene(NamedTuple):
    """A moment of a life; arrays are NumPy's."""

    step: int
    state: EnvState
    action: Action
    """What the agent does here; at the end of its life, what it would do."""


class Film(NamedTuple):
    """A life that was looked at."""

    scenes: list[Scene]
    returns: np.ndarray
    """``(scenes,)`` reward earned so far."""
    outcome: Outcome


def write(folder: Path, environment: Environment, film: Film, name: str) -> list[str]:
    """Draw ``film`` into ``film.gif`` and ``film.png`` in ``folder``; return the paths.

    Raises:
        InvalidInput: a drawing of the environment ``name`` fails, or the folder cannot
            be written.
    """
    pictures = _pictures(environment, film, name, range(len(film.scenes)))
    files = dict(zip(FILMS, (animation(pictures), strip(pictures)), strict=True))
    for file, content in files.items():
        try:
            write_atomically(folder / file, content)
        except OSError as error:
            raise InvalidInput(
                f"cannot write {folder / file}: {error.strerror or error}; make the "
                "folder writable, or make room there, and evaluate again"
            ) from error
    return [str(folder / file) for file in files]


def stills(environment: Environment, film: Film, name: str) -> bytes:
    """Draw the same strip as ``film.png``, without the pictures between.

    Raises:
        InvalidInput: a drawing of the environment ``name`` fails.
    """
    return strip(_pictures(environment, film, name, _places(len(film.scenes))))


def _pictures(
    environment: Environment, film: Film, name: str, places: Sequence[int]
) -> list["Image"]:
    source = Path(inspect.getfile(type(innermost(environment))))
    with plugin_errors(f"env '{name}': draw", source):
        return [picture(environment, film, place) for place in places]


def picture(environment: Environment, film: Film, place: int) -> "Image":
    """Scene number ``place``, above a chart of the reward so far."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (WIDTH * _FINE, HEIGHT * _FINE), WHITE)
    pen = Pen(ImageDraw.Draw(image), WIDTH * _FINE)
    scene = film.scenes[place]
    environment.draw(pen, scene.state, scene.action)
    _chart(pen, film, place)
    return image.reduce(_FINE)


def _chart(pen: Pen, film: Film, place: int) -> None:
    """Reward earned so far over the steps of the whole life."""
    last = film.scenes[-1].step
    pen.box((-1, -1), (2, -0.01), WHITE, GREY, 0.004)
    pen.text((0.03, -0.055), f"step {film.scenes[place].step} of {last}", anchor="lm")
    earned = f"earned {film.returns[place]:.4g}"
    pen.text((0.97, -0.055), earned, anchor="rm")
    low, high = min(film.returns.min(), 0.0), max(film.returns.max(), 0.0)
    span = high - low or 1.0

    def at(scene: int) -> tuple[float, float]:
        part = (film.returns[scene] - low) / span
        return 0.03 + 0.94 * film.scenes[scene].step / last, -0.27 + 0.17 * part

    zero = at(0)[1]
    pen.dashes((0.03, zero), (0.97, zero))
    pen.line([at(scene) for scene in range(len(film.scenes))], PALE)
    if place:
        pen.line([at(scene) for scene in range(place + 1)], BLUE, 0.012)
    pen.disc(at(place), 0.015, INK)


def animation(pictures: Sequence["Image"]) -> bytes:
    """A GIF of all pictures that starts over when it ends, the last one held."""
    frames = [image.quantize(_COLOURS) for image in pictures]
    times = [_MILLISECONDS] * (len(frames) - 1) + [_LAST_MILLISECONDS]
    file = io.BytesIO()
    frames[0].save(
        file, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0
    )
    return file.getvalue()


def strip(pictures: Sequence["Image"]) -> bytes:
    """A PNG of ``STILLS`` pictures side by side, from birth to end."""
    from PIL import Image

    chosen = [pictures[place] for place in _places(len(pictures))]
    whole = Image.new("RGB", (WIDTH * len(chosen), HEIGHT))
    for i, image in enumerate(chosen):
        whole.paste(image, (i * WIDTH, 0))
    file = io.BytesIO()
    whole.save(file, "PNG", optimize=True)
    return file.getvalue()


def _places(count: int) -> list[int]:
    """Which of ``count`` pictures are in a strip."""
    places = np.linspace(0, count - 1, min(STILLS, count))
    return [round(place) for place in places]
