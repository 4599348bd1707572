"""A pen for pictures of one square: points are ``(x, y)`` in 0 .. 1, y upwards.

Shapes and places carry what a picture means, and colour only helps. The pen draws on
a canvas of Pillow's, which nothing here imports.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Colour = tuple[int, int, int]
"""Red, green and blue, 0 .. 255."""
Point = Sequence[float] | np.ndarray

ORANGE: Colour = (230, 120, 0)
BLUE: Colour = (30, 100, 200)
INK: Colour = (40, 40, 40)
GREY: Colour = (150, 150, 150)
PALE: Colour = (228, 228, 228)
WHITE: Colour = (255, 255, 255)
_FAR = 4.0


class Pen:
    """Draws on a canvas whose upper ``size`` by ``size`` pixels are the square.

    Widths, radii and heights are in units of the square, too. What lies below it has
    negative y.
    """

    def __init__(self, canvas: "ImageDraw", size: int) -> None:
        self.canvas, self.size = canvas, size

    def line(
        self, points: Sequence[Point], colour: Colour = INK, width: float = 0.008
    ) -> None:
        """Join points by straight lines."""
        ends = [self._at(point) for point in points]
        self.canvas.line(ends, colour, self._thick(width), joint="curve")

    def dashes(self, tail: Point, head: Point, colour: Colour = GREY) -> None:
        """Join two points by a dashed line."""
        start, way = np.asarray(tail), np.subtract(head, tail)
        count = max(1, round(float(np.hypot(*way)) / 0.03))
        for i in range(count):
            part = start + way * i / count, start + way * (i + 0.5) / count
            self.line(part, colour, 0.005)

    def arrow(
        self, tail: Point, head: Point, colour: Colour = INK, width: float = 0.015
    ) -> None:
        """Draw an arrow; one too short to be seen is left out."""
        start, way = np.asarray(tail), np.subtract(head, tail)
        length = float(np.hypot(*way))
        if not length > width / 2:
            return
        along = way / length
        across = np.array([-along[1], along[0]])
        reach = min(3 * width, length)
        neck = np.asarray(head) - along * reach
        self.line([start, neck], colour, width)
        wing = across * reach * 0.55
        tip = [self._at(point) for point in (head, neck + wing, neck - wing)]
        self.canvas.polygon(tip, colour)

    def disc(
        self,
        centre: Point,
        radius: float,
        fill: Colour | None = None,
        colour: Colour = INK,
        width: float = 0.008,
        squash: float = 1.0,
    ) -> None:
        """Draw a circle, or an oval that is ``squash`` times as high as wide."""
        x, y = self._at(centre)
        wide = radius * self.size
        corners = x - wide, y - wide * squash, x + wide, y + wide * squash
        self.canvas.ellipse(corners, fill, colour, self._thick(width))

    def box(
        self,
        low: Point,
        high: Point,
        fill: Colour | None = None,
        colour: Colour = INK,
        width: float = 0.008,
    ) -> None:
        """Draw a rectangle from its lower left to its upper right corner."""
        (left, bottom), (right, top) = self._at(low), self._at(high)
        corners = left, min(top, bottom), max(left, right), bottom
        self.canvas.rectangle(corners, fill, colour, self._thick(width))

    def badge(self, centre: Point, radius: float, number: int) -> None:
        """Draw one of several symbols: a polygon of its own, with its number inside."""
        x, y = centre
        turns = [
            math.pi / 2 + 2 * math.pi * i / (number + 3) for i in range(number + 3)
        ]
        ring = [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in turns]
        self.canvas.polygon([self._at(point) for point in ring], PALE)
        self.line([*ring, ring[0], ring[1]], INK, radius / 8)
        self.text(centre, str(number), radius * 0.9)

    def tick(self, centre: Point, radius: float) -> None:
        """Mark something as right."""
        x, y = centre
        hook = [(x - radius, y), (x - radius / 3, y - radius * 0.7)]
        self.line([*hook, (x + radius, y + radius)], INK, radius / 3)

    def cross(self, centre: Point, radius: float) -> None:
        """Mark something as wrong."""
        x, y = centre
        for way in (1, -1):
            ends = (x - radius, y - way * radius), (x + radius, y + way * radius)
            self.line(ends, INK, radius / 3)

    def text(
        self,
        place: Point,
        words: str,
        height: float = 0.05,
        colour: Colour = INK,
        anchor: str = "mm",
    ) -> None:
        """Write words; ``anchor`` is Pillow's, by default centred on ``place``."""
        size = max(1.0, height * self.size)
        self.canvas.text(self._at(place), words, colour, anchor=anchor, font_size=size)

    def _at(self, point: Point) -> tuple[float, float]:
        """Pixels of a point; what is not a number or far away stays near the canvas."""
        clear = np.clip(np.nan_to_num(np.asarray(point, float)), -_FAR, _FAR)
        return float(clear[0] * self.size), float((1 - clear[1]) * self.size)

    def _thick(self, width: float) -> int:
        return max(1, round(width * self.size))
