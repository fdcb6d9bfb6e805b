"""The recorded race as the README's picture: ``python -m benchmarks.fashion_figure``.

Two panels, the same losses: over epochs, as papers draw them, and over training seconds. A line is
the mean over seeds; the seeds themselves stand behind it, pale.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from app.charts.contender_styles import line_styles
from app.charts.theme import LineStyle
from benchmarks.provenance import RESULTS, read_result
from proxprop.spec.config import Contender
from proxprop.spec.curves import band

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "fashion_race.svg"
WIDTH, HEIGHT = 1060, 430
TOP, BOTTOM = 64, 58
PANELS = ((70, 410), (500, 840))  # left and right end of each, in pixels
DASHES = {"dash": "9 5", "dot": "3 4", "dashdot": "9 4 3 4", "longdash": "14 4"}
TICKS = tuple(digit * 10.0**power for power in range(-4, 2) for digit in (1, 2, 5))
GAP = 19  # pixels between two names at line ends


class Scale(NamedTuple):
    """From numbers to pixels: x linear, loss logarithmic."""

    left: float
    right: float
    last: float
    low: float
    high: float

    def x(self, value: float) -> float:
        """Return the pixel of an epoch or a second."""
        return self.left + value / self.last * (self.right - self.left)

    def y(self, loss: float) -> float:
        """Return the pixel of a loss."""
        share = (math.log(self.high) - math.log(loss)) / math.log(self.high / self.low)
        return TOP + share * (HEIGHT - TOP - BOTTOM)


Curve = list[tuple[float, float]]


def main() -> None:
    """Write the picture of the stored result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--race", default="searched", help="which of the races")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    result = read_result("fashion_race", arguments.results)
    if result is None:
        parser.exit(1, "no result yet; run python -m benchmarks.fashion_race\n")
    arguments.picture.write_text(svg(result["races"][arguments.race], result["target"]))


def svg(
    race: dict[str, Any], target: float, title: str = "Fashion-MNIST: full training loss J"
) -> str:
    """Return the picture of one race, complete."""
    rows = race["contenders"]
    styles = line_styles([Contender.parse(contender) for contender in race["config"]["contenders"]])
    losses = [y for row in rows for axis in ("epoch", "seconds") for _, y in _mean(row, axis)]
    low, high = 0.85 * min(losses), 1.1 * min(max(losses), math.log(10) * 1.02)
    seeds = race["config"]["seeds"]
    mean = f"mean of {seeds} seeds; pale: each seed" if seeds > 1 else "one seed"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="system-ui, -apple-system, Segoe UI, Roboto, sans-serif" font-size="14" '
        f'fill="#222">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(PANELS[0][0], 24, title, size=17, weight=600),
        _text(PANELS[0][0], 45, f"searched step sizes, {mean}", color="#666"),
    ]
    for panel, (axis, label) in enumerate(
        (("epoch", "epoch"), ("seconds", "training time of each contender’s own clock [s]"))
    ):
        curves = [_mean(row, axis) for row in rows]
        last = max(x for curve in curves for x, _ in curve)
        scale = Scale(*PANELS[panel], last, low, high)
        parts += [*_grid(scale, label, target, named=panel == 1)]
        for row, style, curve in zip(rows, styles, curves, strict=True):
            if seeds > 1:
                parts += [_line(one, scale, style, pale=True) for one in _each(row, axis)]
            parts.append(_line(curve, scale, style))
        if panel == 1:
            parts += _names(race["labels"], curves, scale, styles)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _each(row: dict[str, Any], axis: str) -> Iterable[Curve]:
    """Yield the curve of every seed."""
    for curve in row["curves"]:
        pairs = zip(curve[axis], curve["train_loss"], strict=True)
        yield [(x, y) for x, y in pairs if x is not None and y is not None and y > 0]


def _mean(row: dict[str, Any], axis: str) -> Curve:
    """Return the mean over seeds, evaluation by evaluation."""
    seeds = list(_each(row, axis))
    places, _ = band([[x for x, _ in curve] for curve in seeds])
    losses, _ = band([[y for _, y in curve] for curve in seeds])
    return list(zip(places, losses))


def _grid(scale: Scale, title: str, target: float, named: bool) -> Iterable[str]:
    for loss in TICKS:
        if scale.low <= loss <= scale.high:
            yield _rule(scale, scale.y(loss), "#e4e4e4")
            yield _text(scale.left - 8, scale.y(loss) + 5, f"{loss:g}", anchor="end", color="#555")
    step = next(size for size in (1, 2, 5, 10, 20, 50, 100, 200, 500) if scale.last / size <= 7)
    for tick in range(0, int(scale.last) + 1, step):
        yield _text(scale.x(tick), HEIGHT - BOTTOM + 20, f"{tick}", anchor="middle", color="#555")
    yield _text((scale.left + scale.right) / 2, HEIGHT - 12, title, anchor="middle")
    yield _rule(scale, scale.y(target), "#888", "2 3")
    if named:
        words = f"target {target:g}"
        yield _text(scale.right - 4, scale.y(target) - 6, words, anchor="end", color="#666")


def _line(curve: Curve, scale: Scale, style: LineStyle, pale: bool = False) -> str:
    points = " ".join(
        f"{scale.x(x):.1f},{scale.y(min(max(y, scale.low), scale.high)):.1f}"
        for x, y in curve
        if x <= scale.last  # a seed may go on longer than the mean of all
    )
    dash = f' stroke-dasharray="{DASHES[style.dash]}"' if style.dash in DASHES and not pale else ""
    looks = 'stroke-width="1" opacity="0.35"' if pale else 'stroke-width="2.6"'
    return (
        f'<polyline points="{points}" fill="none" stroke="{style.color}" '
        f'stroke-linejoin="round" {looks}{dash}/>'
    )


def _names(
    labels: Sequence[str], curves: Sequence[Curve], scale: Scale, styles: Sequence[LineStyle]
) -> Iterable[str]:
    """Yield each contender's name beside the end of its line, none above another."""
    ends = sorted((scale.y(curve[-1][1]), index) for index, curve in enumerate(curves))
    floor = -math.inf
    for end, index in ends:
        floor = max(end, floor + GAP)
        x = scale.x(curves[index][-1][0])
        color = styles[index].color
        start = scale.right + 14
        yield (
            f'<line x1="{x:.1f}" y1="{end:.1f}" x2="{start - 3}" y2="{floor:.1f}" '
            f'stroke="{color}" opacity="0.4"/>'
        )
        yield _text(start, floor + 5, labels[index], weight=600, color=color)


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


if __name__ == "__main__":
    main()
