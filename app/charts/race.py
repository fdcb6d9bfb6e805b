"""A recorded race as a drawing that is there at once: full training loss against seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from app.charts.theme import LineStyle

WIDTH, HEIGHT = 1180, 330
LEFT, RIGHT, TOP, BOTTOM = 64, 990, 14, 280  # of the frame
MIDDLE = (LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2
DASHES = {"solid": "none", "dash": "10 6"}
DRAWING = f"""\
<svg class="race" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" width="100%"
 aria-label="Full training loss against training time">
<clipPath id="race-clip"><rect class="race-clip" width="{WIDTH}" height="{HEIGHT}"/></clipPath>
<text x="20" y="{MIDDLE[1]}" text-anchor="middle" transform="rotate(-90 20 {MIDDLE[1]})">\
full training loss J</text>
<text x="{MIDDLE[0]}" y="{HEIGHT - 4}" text-anchor="middle">training time [s]</text>
{{parts}}</svg>"""
LEVEL = f"""\
<line x1="{LEFT}" x2="{RIGHT}" y1="{{y:.1f}}" y2="{{y:.1f}}" class="race-grid"/>
<text x="{LEFT - 8}" y="{{below:.1f}}" text-anchor="end">{{loss:g}}</text>
"""
TICK = f'<text x="{{x}}" y="{BOTTOM + 22}" text-anchor="middle">{{second:g}}</text>\n'
LINE = f"""\
<polyline points="{{points}}" fill="none" stroke-width="3.5" clip-path="url(#race-clip)"
 stroke-dasharray="{{dash}}"
 style="stroke: color-mix(in srgb, var(--st-text-color) 15%, {{color}})"/>
<text x="{RIGHT + 10}" y="{{below:.1f}}" class="race-name">{{name}}</text>
"""


# Name, colour and dash, and second and loss of each measurement.
RaceLine = tuple[str, LineStyle, Sequence[tuple[float, float]]]


def race_svg(lines: Sequence[RaceLine], seconds: float) -> str:
    """Return the drawing, revealed from left to right.

    Args:
        lines: The contenders; losses are above 0.
        seconds: Where the horizontal axis ends.
    """
    logs = [math.log10(loss) for *_, points in lines for _, loss in points]
    low, high = min(logs) - 0.05, max(logs) + 0.05
    y = _scale((low, high), (BOTTOM, TOP))
    x = _scale((0, seconds), (LEFT, RIGHT))
    powers = range(math.floor(low), math.ceil(high) + 1)
    losses = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    levels = [(loss, y(math.log10(loss))) for loss in losses if low <= math.log10(loss) <= high]
    parts = [LEVEL.format(loss=loss, y=at, below=at + 5) for loss, at in levels]
    step = _round_step(seconds / 4)
    ticks = [number * step for number in range(int(seconds / step) + 1)]
    parts += [TICK.format(x=x(second), second=second) for second in ticks]
    for name, style, points in lines:
        places = [(x(second), y(math.log10(loss))) for second, loss in points]
        parts.append(
            LINE.format(
                points=" ".join(f"{across:.1f},{down:.1f}" for across, down in places),
                color=style.color,
                dash=DASHES[style.dash],
                below=places[-1][1] + 5,
                name=name,
            )
        )
    return DRAWING.format(parts="".join(parts))


def _scale(values: tuple[float, float], pixels: tuple[int, int]) -> Callable[[float], float]:
    (low, high), (start, end) = values, pixels
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _round_step(step: float) -> float:
    """Return 1, 2 or 5 times a power of ten, the one closest to `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return min((factor * power for factor in (1, 2, 5, 10)), key=lambda size: abs(size - step))
