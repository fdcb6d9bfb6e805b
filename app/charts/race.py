"""A recorded race as a drawing that is there at once: full training loss against seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from app.charts.theme import LineStyle

TOP = 14  # upper edge of the drawing's frame
DASHES = {"solid": "none", "dash": "10 6"}
DRAWING = """\
<svg class="{name}" viewBox="0 0 {width} {height}" role="img" width="100%"
 aria-label="Full training loss against training time">
<clipPath id="{name}-clip"><rect class="race-clip" width="{width}" height="{height}"/></clipPath>
<text x="{side}" y="{middle}" text-anchor="middle" transform="rotate(-90 {side} {middle})">\
full training loss J</text>
<text x="{center}" y="{foot}" text-anchor="middle">training time [s]</text>
{parts}</svg>"""
LEVEL = """\
<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" class="race-grid"/>
<text x="{edge}" y="{below:.1f}" text-anchor="end">{loss:g}</text>
"""
TICK = '<text x="{x}" y="{y}" text-anchor="middle">{second:g}</text>\n'
LINE = """\
<g fill="none" stroke-width="3.5" stroke-dasharray="{dash}"
 style="stroke: color-mix(in srgb, var(--st-text-color) 15%, {color})">
<polyline points="{points}" clip-path="url(#{frame}-clip)"/><path d="{sample}"/></g>
<text x="{at}" y="{below:.1f}" class="race-name">{name}</text>
"""


# Name, colour and dash, and second and loss of each measurement.
RaceLine = tuple[str, LineStyle, Sequence[tuple[float, float]]]


class Frame(NamedTuple):
    """Where a drawing has its parts.

    Attributes:
        name: Its class on the page.
        width: Of the drawing.
        height: Of the drawing.
        left: Left edge of its frame.
        right: Right edge of its frame; names stand beyond it, or above the lines.
        bottom: Lower edge of its frame.
        line: Height of a line of its type.
    """

    name: str
    width: int
    height: int
    left: int
    right: int
    bottom: int
    line: int

    @property
    def beyond(self) -> bool:
        """Whether names have room beside the frame."""
        return self.right < 0.9 * self.width


DESK = Frame("race", 1180, 330, 64, 950, 280, 22)
ROOM = Frame("race", 1180, 480, 104, 950, 404, 34)
PHONE = Frame("race-phone", 360, 330, 58, 352, 280, 22)


def race_svg(lines: Sequence[RaceLine], seconds: float, frame: Frame = DESK) -> str:
    """Return the drawing, revealed from left to right.

    Args:
        lines: The contenders; losses are above 0.
        seconds: Where the horizontal axis ends.
        frame: Whether for a desk, a room or a phone.
    """
    logs = [math.log10(loss) for *_, points in lines for _, loss in points]
    low, high = min(logs) - 0.05, max(logs) + 0.05
    y = _scale((low, high), (frame.bottom, TOP))
    x = _scale((0, seconds), (frame.left, frame.right))
    powers = range(math.floor(low), math.ceil(high) + 1)
    losses = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    levels = [(loss, y(math.log10(loss))) for loss in losses if low <= math.log10(loss) <= high]
    across = {"left": frame.left, "right": frame.right, "edge": frame.left - 8}
    parts = [LEVEL.format(loss=loss, y=at, below=at + 5, **across) for loss, at in levels]
    step = _round_step(seconds / 4)
    ticks = [number * step for number in range(int(seconds / step) + 1)]
    low_line = frame.bottom + frame.line
    parts += [TICK.format(x=x(second), y=low_line, second=second) for second in ticks]
    for row, (name, style, points) in enumerate(lines):
        places = [(x(second), y(math.log10(loss))) for second, loss in points]
        parts.append(
            LINE.format(
                points=" ".join(f"{across:.1f},{down:.1f}" for across, down in places),
                color=style.color,
                dash=DASHES[style.dash],
                frame=frame.name,
                name=name,
                **_name_place(frame, places[-1][1], row),
            )
        )
    return DRAWING.format(
        name=frame.name,
        width=frame.width,
        height=frame.height,
        side=20 if frame.beyond else 13,
        middle=(TOP + frame.bottom) / 2,
        center=(frame.left + frame.right) / 2,
        foot=frame.height - 6,
        parts="".join(parts),
    )


def _name_place(frame: Frame, end: float, row: int) -> dict[str, object]:
    """Return where a name stands: beside its line's end, else in the corner above the lines."""
    if frame.beyond:
        return {"at": frame.right + 10, "below": end + 5, "sample": ""}
    at, below = frame.right - 155, TOP + 22 + 26 * row
    return {"at": at, "below": below, "sample": f"M{at - 44},{below - 6}h36"}


def _scale(values: tuple[float, float], pixels: tuple[int, int]) -> Callable[[float], float]:
    (low, high), (start, end) = values, pixels
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _round_step(step: float) -> float:
    """Return 1, 2 or 5 times a power of ten, the one closest to `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return min((factor * power for factor in (1, 2, 5, 10)), key=lambda size: abs(size - step))
