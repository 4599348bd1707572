"""Images of the dashboard as PNG files, drawn with Pillow: a colour map, a chart."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from evolife.drawing import GREY, INK, WHITE, Colour

_MISSING: Colour = (190, 190, 190)
# Dark to bright with steadily rising lightness, legible without colour vision.
_SCALE = np.array(
    [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)]
)
_WIDTH, _MAP_HEIGHT, _CHART_HEIGHT = 480, 240, 200
_LEFT, _BELOW = 64, 18
"""Pixels beside and below the drawing, for words."""
_LETTERS = 12
_FINE = 2
"""Pixels drawn for each that is shown, in both directions: smooth lines."""


def heat_map(values: np.ndarray, first: int, last: int, steps: int) -> bytes:
    """Draw ``(rows, bins)`` values; rows run down, from ``first`` to ``last``.

    The line below names the end of the horizontal axis (``steps``) at the right and,
    in their own colours, the lowest and highest value.
    """
    low, high = _span(values)
    rows, bins = values.shape
    width, height = max(_WIDTH, bins), max(_MAP_HEIGHT, rows)
    cells = Image.fromarray(colours(values, low, high))
    image = Image.new("RGB", (_LEFT + width, height + _BELOW), WHITE)
    image.paste(cells.resize((width, height), Image.Resampling.NEAREST), (_LEFT, 0))
    pen, middle = ImageDraw.Draw(image), height + _BELOW / 2
    _write(pen, (_LEFT - 6, 0), str(first), "ra")
    _write(pen, (_LEFT - 6, height), str(last), "rd")
    _write(pen, (_LEFT + width - 2, middle), str(steps), "rm")
    ends = colours(np.array([low, high]), low, high).tolist()
    for left, value, colour in zip(
        (_LEFT, _LEFT + 120), (low, high), ends, strict=True
    ):
        box = left, height + 4, left + 10, height + 14
        pen.rectangle(box, tuple(colour))
        _write(pen, (left + 16, middle), f"{value:.3g}", "lm")
    return _png(image)


def line_chart(curves: Sequence[tuple[np.ndarray, Colour]], steps: int) -> bytes:
    """Draw ``(bins,)`` curves over one life of ``steps`` steps, later ones on top.

    Where a curve is not finite, its neighbours are joined.
    """
    low, high = _span(np.concatenate([values for values, _ in curves]))
    left, width, height = (_FINE * size for size in (_LEFT, _WIDTH, _CHART_HEIGHT))
    image = Image.new("RGB", (left + width, height + _FINE * _BELOW), WHITE)
    pen = ImageDraw.Draw(image)
    pen.line([(left, 0), (left, height), (left + width, height)], GREY, _FINE)
    across = np.arange(width)
    for values, colour in curves:
        known = np.flatnonzero(np.isfinite(values))
        if not known.size:
            continue
        at = across / width * (len(values) - 1)
        part = (np.interp(at, known, values[known]) - low) / max(high - low, 1e-30)
        down = (height - 6 * _FINE) * (1 - part) + 3 * _FINE
        points = np.stack([left + across, down], axis=-1)
        pen.line(points.ravel().tolist(), colour, 2 * _FINE, joint="curve")
    ends = (
        ((left - 6 * _FINE, 0), f"{high:.3g}", "ra"),
        ((left - 6 * _FINE, height), f"{low:.3g}", "rd"),
        ((left, height + 4 * _FINE), "0", "la"),
        ((left + width - 2 * _FINE, height + 4 * _FINE), str(steps), "ra"),
    )
    for place, words, anchor in ends:
        _write(pen, place, words, anchor, _FINE)
    return _png(image.reduce(_FINE))


def colours(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return values in ``[low, high]`` as uint8 colours ``(..., 3)``; NaN is grey."""
    place = (values - low) / max(high - low, 1e-30) * (len(_SCALE) - 1)
    place = np.clip(np.nan_to_num(place), 0, len(_SCALE) - 1)
    knots = np.arange(len(_SCALE))
    channels = [np.interp(place, knots, _SCALE[:, channel]) for channel in range(3)]
    pixels = np.stack(channels, axis=-1).round().astype(np.uint8)
    pixels[~np.isfinite(values)] = _MISSING
    return pixels


def _span(values: np.ndarray) -> tuple[float, float]:
    """Return the finite range of all values; (0, 1) where there is none."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _write(
    pen: ImageDraw.ImageDraw,
    place: tuple[float, float],
    words: str,
    anchor: str,
    fine: int = 1,
) -> None:
    pen.text(place, words, INK, anchor=anchor, font_size=_LETTERS * fine)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
