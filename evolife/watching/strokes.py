"""Bars and small curves out of characters that the terminal can show."""

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Strokes:
    """The characters to draw with."""

    levels: str
    """From the lowest to the highest value."""
    full: str
    """What is done."""
    empty: str
    """What is left."""

    def sparkline(self, values: Sequence[float | None], columns: int) -> str:
        """A curve in at most ``columns`` characters, from its lowest to its highest.

        What is None is a blank; a level curve runs along the bottom.
        """
        shown = _means(values, columns)
        known = [value for value in shown if value is not None]
        if not known:
            return " " * len(shown)
        low, high = min(known), max(known)
        top = len(self.levels) - 1
        scale = top / (high - low) if high > low else 0.0
        return "".join(
            " " if value is None else self.levels[round((value - low) * scale)]
            for value in shown
        )

    def bar(self, share: float, columns: int) -> str:
        """``columns`` characters, of which ``share`` (0 to 1) are full."""
        done = int(min(max(share, 0.0), 1.0) * columns)
        return self.full * done + self.empty * (columns - done)


BLOCKS = Strokes("▁▂▃▄▅▆▇█", "━", "╌")
ASCII = Strokes("_.-~=+*#", "#", "-")


def strokes_for(encoding: str | None) -> Strokes:
    """Blocks where ``encoding`` has them, else what every terminal can show."""
    try:
        (BLOCKS.levels + BLOCKS.full + BLOCKS.empty).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def _means(values: Sequence[float | None], columns: int) -> list[float | None]:
    """Means over ``columns`` equal stretches, or the values if they are fewer."""
    if len(values) <= columns:
        return list(values)
    means: list[float | None] = []
    for column in range(columns):
        begin = column * len(values) // columns
        end = (column + 1) * len(values) // columns
        part = [value for value in values[begin:end] if value is not None]
        means.append(sum(part) / len(part) if part else None)
    return means
