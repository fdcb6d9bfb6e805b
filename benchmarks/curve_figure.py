"""Recorded curves as a picture for the README: panels beside each other, names at the line ends.

A line is the mean over seeds; the seeds themselves stand behind it, pale.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from app.charts.theme import LineStyle
from proxprop.spec.curves import band

HEIGHT, TOP, BOTTOM = 430, 64, 58
LEFT, WIDE, BETWEEN, NAMES = 70, 340, 90, 220  # of panels, and what the names take
DASHES = {"dash": "9 5", "dot": "3 4", "dashdot": "9 4 3 4", "longdash": "14 4"}
DASHES["longdashdot"] = "14 4 3 4"
TICKS = tuple(digit * 10.0**power for power in range(-4, 2) for digit in (1, 2, 5))
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)
GAP = 19  # pixels between two names at line ends

Curve = list[tuple[float, float]]
# What one seed recorded: "epoch", "seconds" and the columns that panels show.
Recorded = Mapping[str, Sequence[float | None]]


class Panel(NamedTuple):
    """What one panel shows.

    Attributes:
        axis: Horizontal, "epoch" or "seconds".
        words: What stands below it.
        column: Vertical; a share of samples where it is no loss.
    """

    axis: str
    words: str
    column: str = "train_loss"

    @property
    def is_loss(self) -> bool:
        """Whether it is drawn on a logarithmic axis."""
        return self.column.endswith("loss")


BY_EPOCH = Panel("epoch", "epoch")
BY_SECOND = Panel("seconds", "training time of each contender’s own clock [s]")


class Line(NamedTuple):
    """One contender.

    Attributes:
        name: What stands at its end.
        style: How it looks.
        seeds: What was recorded of each.
    """

    name: str
    style: LineStyle
    seeds: Sequence[Recorded]

    def mean(self, panel: Panel) -> Curve:
        """Return the mean over seeds, evaluation by evaluation."""
        seeds = list(self.each(panel))
        places, _ = band([[x for x, _ in curve] for curve in seeds])
        values, _ = band([[y for _, y in curve] for curve in seeds])
        return list(zip(places, values))

    def each(self, panel: Panel) -> Iterable[Curve]:
        """Yield the curve of every seed."""
        for seed in self.seeds:
            pairs = zip(seed[panel.axis], seed[panel.column], strict=True)
            yield [(x, y) for x, y in pairs if x is not None and y is not None and y > 0]


class Scale(NamedTuple):
    """From numbers to pixels: x linear, a loss logarithmic."""

    left: float
    right: float
    last: float
    low: float
    high: float
    logarithmic: bool

    def x(self, value: float) -> float:
        """Return the pixel of an epoch or a second."""
        return self.left + value / self.last * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return the pixel of a loss or a share; what is beyond the panel lies at its edge."""
        value = min(max(value, self.low), self.high)
        share = (self.high - value) / (self.high - self.low)
        if self.logarithmic:
            share = math.log(self.high / value) / math.log(self.high / self.low)
        return TOP + share * (HEIGHT - TOP - BOTTOM)


def svg(
    title: str,
    words: str,
    lines: Sequence[Line],
    panels: Sequence[Panel] = (BY_EPOCH, BY_SECOND),
    target: float | None = None,
) -> str:
    """Return the picture, complete.

    Args:
        title: What is drawn.
        words: What stands below the title.
        lines: Contenders.
        panels: From left to right.
        target: A loss that is marked in panels of the loss.
    """
    width = LEFT + len(panels) * WIDE + (len(panels) - 1) * BETWEEN + NAMES
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" '
        f'font-family="system-ui, -apple-system, Segoe UI, Roboto, sans-serif" font-size="14" '
        f'fill="#222">',
        f'<rect width="{width}" height="{HEIGHT}" fill="#fff"/>',
        _text(LEFT, 24, title, size=17, weight=600),
        _text(LEFT, 45, words, color="#666"),
    ]
    for index, panel in enumerate(panels):
        means = [line.mean(panel) for line in lines]
        left = LEFT + index * (WIDE + BETWEEN)
        last = max(x for mean in means for x, _ in mean)
        scale = Scale(left, left + WIDE, last, *_range(lines, panels, panel), panel.is_loss)
        end = index == len(panels) - 1
        parts += _grid(scale, panel, target if panel.is_loss else None, named=end)
        for line, mean in zip(lines, means, strict=True):
            if len(line.seeds) > 1:
                parts += [_line(one, scale, line.style, pale=True) for one in line.each(panel)]
            parts.append(_line(mean, scale, line.style))
        if end:
            parts += _names(lines, means, scale)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _range(lines: Sequence[Line], panels: Sequence[Panel], panel: Panel) -> tuple[float, float]:
    """Return the lowest and highest value of a panel; panels of one column have it in common."""
    same = [other for other in panels if other.column == panel.column]
    values = [y for line in lines for other in same for _, y in line.mean(other)]
    if panel.is_loss:
        return 0.85 * min(values), 1.1 * min(max(values), math.log(10) * 1.02)
    return min(values), max(values) + 0.02


def _grid(scale: Scale, panel: Panel, target: float | None, named: bool) -> Iterable[str]:
    for value in TICKS if scale.logarithmic else _shares(scale):
        if scale.low <= value <= scale.high:
            words = f"{value:g}" if scale.logarithmic else f"{value:.0%}"
            yield _rule(scale, scale.y(value), "#e4e4e4")
            yield _text(scale.left - 8, scale.y(value) + 5, words, anchor="end", color="#555")
    step = next(size for size in (1, 2, 5, 10, 20, 50, 100, 200, 500) if scale.last / size <= 7)
    for tick in range(0, int(scale.last) + 1, step):
        yield _text(scale.x(tick), HEIGHT - BOTTOM + 20, f"{tick}", anchor="middle", color="#555")
    yield _text((scale.left + scale.right) / 2, HEIGHT - 12, panel.words, anchor="middle")
    if target is None:
        return
    yield _rule(scale, scale.y(target), "#888", "2 3")
    if named:
        words = f"target {target:g}"
        yield _text(scale.right - 4, scale.y(target) - 6, words, anchor="end", color="#666")


def _shares(scale: Scale) -> Sequence[float]:
    step = next((size for size in SHARES if (scale.high - scale.low) / size <= 6), SHARES[-1])
    return [index * step for index in range(round(1 / step) + 1)]


def _line(curve: Curve, scale: Scale, style: LineStyle, pale: bool = False) -> str:
    points = " ".join(
        f"{scale.x(x):.1f},{scale.y(y):.1f}"
        for x, y in curve
        if x <= scale.last  # a seed may go on longer than the mean of all
    )
    dash = f' stroke-dasharray="{DASHES[style.dash]}"' if style.dash in DASHES and not pale else ""
    looks = 'stroke-width="1" opacity="0.35"' if pale else 'stroke-width="2.6"'
    return (
        f'<polyline points="{points}" fill="none" stroke="{style.color}" '
        f'stroke-linejoin="round" {looks}{dash}/>'
    )


def _names(lines: Sequence[Line], means: Sequence[Curve], scale: Scale) -> Iterable[str]:
    """Yield each contender's name beside the end of its line, none above another."""
    ends = sorted((scale.y(curve[-1][1]), index) for index, curve in enumerate(means))
    floor = -math.inf
    for end, index in ends:
        floor = max(end, floor + GAP)
        x = scale.x(means[index][-1][0])
        color = lines[index].style.color
        start = scale.right + 14
        yield (
            f'<line x1="{x:.1f}" y1="{end:.1f}" x2="{start - 3}" y2="{floor:.1f}" '
            f'stroke="{color}" opacity="0.4"/>'
        )
        yield _text(start, floor + 5, lines[index].name, weight=600, color=color)


def _rule(scale: Scale, y: float, color: str, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{scale.left}" x2="{scale.right}" y1="{y:.1f}" y2="{y:.1f}" '
        f'stroke="{color}"{dashes}/>'
    )


def _text(
    x: float,
    y: float,
    words: str,
    anchor: str = "start",
    color: str = "",
    size: int = 0,
    weight: int = 0,
) -> str:
    looks = f' fill="{color}"' * bool(color) + f' font-size="{size}"' * bool(size)
    looks += f' font-weight="{weight}"' * bool(weight)
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{looks}>{escape(words)}</text>'


def seeds_in_words(seeds: int) -> str:
    """Return what a line is the mean of."""
    return f"mean of {seeds} seeds; pale: each seed" if seeds > 1 else "one seed"


def drawn(race: Mapping[str, Any], styles: Sequence[LineStyle]) -> list[Line]:
    """Return the lines of a race as benchmarks record it."""
    rows = zip(race["labels"], styles, race["contenders"], strict=True)
    return [Line(label, style, row["curves"]) for label, style, row in rows]
