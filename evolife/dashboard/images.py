"""Small images drawn with NumPy alone: a colour map, a line chart, PNG."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np

from evolife.drawing import Colour

Pixels = np.ndarray
"""``(height, width, 3)`` uint8."""
_INK: Colour = (60, 60, 60)
_MISSING: Colour = (190, 190, 190)
# Dark to bright with steadily rising lightness, legible without colour vision.
_SCALE = np.array(
    [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)]
)
# Each glyph is five rows of three bits, most significant bit at the left.
_GLYPHS = {
    "0": (7, 5, 5, 5, 7),
    "1": (2, 6, 2, 2, 7),
    "2": (7, 1, 7, 4, 7),
    "3": (7, 1, 7, 1, 7),
    "4": (5, 5, 7, 1, 1),
    "5": (7, 4, 7, 1, 7),
    "6": (7, 4, 7, 5, 7),
    "7": (7, 1, 2, 2, 2),
    "8": (7, 5, 7, 5, 7),
    "9": (7, 5, 7, 1, 7),
    ".": (0, 0, 0, 0, 2),
    "-": (0, 0, 7, 0, 0),
    "+": (0, 2, 7, 2, 0),
    "e": (0, 7, 6, 4, 7),
}
_LINE = 14
_MARGIN = 64


def png(pixels: Pixels) -> bytes:
    """Return ``pixels`` as a PNG file."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [
        (b"IHDR", header),
        (b"IDAT", zlib.compress(rows.tobytes())),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def colours(values: np.ndarray, low: float, high: float) -> Pixels:
    """Map ``(height, width)`` values within ``[low, high]`` to colours, NaN to grey."""
    place = (values - low) / max(high - low, 1e-30) * (len(_SCALE) - 1)
    place = np.clip(np.nan_to_num(place), 0, len(_SCALE) - 1)
    knots = np.arange(len(_SCALE))
    channels = [np.interp(place, knots, _SCALE[:, channel]) for channel in range(3)]
    pixels = np.stack(channels, axis=-1).round().astype(np.uint8)
    pixels[~np.isfinite(values)] = _MISSING
    return pixels


def heat_map(values: np.ndarray, first: int, last: int, steps: int) -> Pixels:
    """Draw ``(rows, bins)`` values; rows run down, from ``first`` to ``last``.

    The line below names the end of the horizontal axis (``steps``) at the left and,
    in their own colours, the lowest and highest value.
    """
    low, high = _span([values])
    height, width = -(-240 // values.shape[0]), -(-480 // values.shape[1])
    body = colours(values, low, high).repeat(height, 0).repeat(width, 1)
    canvas = _blank(body.shape[0] + _LINE, _MARGIN + body.shape[1])
    canvas[: body.shape[0], _MARGIN:] = body
    _write(canvas, str(first), 2, 2)
    _write(canvas, str(last), 2, body.shape[0] - 12)
    foot = body.shape[0] + 2
    _write(canvas, str(steps), canvas.shape[1] - 8 * len(str(steps)), foot)
    ends = colours(np.array([[low, high]]), low, high)[0]
    for x, value, colour in ((_MARGIN, low, ends[0]), (_MARGIN + 120, high, ends[1])):
        canvas[foot : foot + 10, x : x + 10] = colour
        _write(canvas, f"{value:.3g}", x + 14, foot)
    return canvas


def line_chart(
    curves: Sequence[tuple[np.ndarray, Colour]],
    steps: int,
    height: int = 200,
    width: int = 480,
) -> Pixels:
    """Draw ``(bins,)`` curves over one life of ``steps`` steps, later ones on top."""
    low, high = _span([values for values, _ in curves])
    canvas = _blank(height + _LINE, _MARGIN + width)
    for values, colour in curves:
        if np.isfinite(values).any():
            _draw(canvas[:height, _MARGIN:], values, low, high, colour)
    canvas[:height, _MARGIN - 1] = canvas[height - 1, _MARGIN:] = _INK
    _write(canvas, f"{high:.3g}", 2, 2)
    _write(canvas, f"{low:.3g}", 2, height - 12)
    _write(canvas, "0", _MARGIN, height + 2)
    _write(canvas, str(steps), _MARGIN + width - 8 * len(str(steps)), height + 2)
    return canvas


def _draw(
    area: Pixels, values: np.ndarray, low: float, high: float, colour: Colour
) -> None:
    """Join the bins by straight lines, two pixels thick."""
    height, width, _ = area.shape
    known = np.flatnonzero(np.isfinite(values))
    across = np.linspace(0, len(values) - 1, width)
    curve = np.interp(across, known, values[known])
    rows = (height - 4) * (1 - (curve - low) / max(high - low, 1e-30)) + 1
    tops = np.minimum(rows, np.roll(rows, 1))
    bottoms = np.maximum(rows, np.roll(rows, 1))
    tops[0] = bottoms[0] = rows[0]
    grid = np.arange(height)[:, None]
    area[(grid >= tops.round()) & (grid <= bottoms.round() + 1)] = colour


def _span(arrays: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the finite range of all values; (0, 1) where there is none."""
    flat = np.concatenate([np.ravel(array) for array in arrays])
    finite = flat[np.isfinite(flat)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _blank(height: int, width: int) -> Pixels:
    return np.full((height, width, 3), 255, np.uint8)


def _write(canvas: Pixels, label: str, left: int, top: int) -> None:
    """Write a number at twice the size of its glyphs; what does not fit is cut off."""
    for position, character in enumerate(label):
        bits = np.array(_GLYPHS.get(character, (7, 7, 7, 7, 7)))[:, None]
        on = ((bits >> np.array([2, 1, 0])) & 1).astype(bool).repeat(2, 0).repeat(2, 1)
        x = left + 8 * position
        room = canvas[top : top + 10, x : x + 6]
        room[on[: room.shape[0], : room.shape[1]]] = _INK
