"""The numbers beneath the picture: when each contender stands where plain ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from app.charts.theme import LineStyle
from app.components.contender_styles import stroke_css
from app.paper.curves import Curve, baseline, curves, reached
from app.paper.picture import Picture
from app.words import duration, number
from proxprop.paper import Result

MOST = 6  # contenders of a race


@dataclass(frozen=True)
class Tile:
    """One number with its words.

    Attributes:
        name: Whose number.
        value: The number, large.
        words: What it says, beneath.
        style: The contender's line; None for a number of no contender.
    """

    name: str
    value: str
    words: str
    style: LineStyle | None = None


def training_tiles(result: Result) -> list[Tile]:
    """Return where plain ends, and when every other contender gets there."""
    drawn = curves(result)
    plain = baseline(drawn)
    if plain is None or not plain.epochs:
        return [_ended(one) for one in drawn[:MOST]]
    first = Tile(
        plain.label,
        f"J = {number(plain.loss)}",
        f"at its end: {number(plain.epochs)} epochs, {_seconds(plain.seconds)}",
        plain.style,
    )
    others = [one for one in drawn if one is not plain]
    return [first, *(_arrival(one, plain) for one in others)][:MOST]


def _arrival(line: Curve, plain: Curve) -> Tile:
    epochs, seconds = (reached(line, plain.loss, place) for place in ("epoch", "seconds"))
    if epochs is None or seconds is None:
        if line.diverged and not math.isfinite(line.loss):
            return Tile(line.label, "▲ diverged", f"at epoch {number(line.epochs)}", line.style)
        words = f"ends at {number(line.loss)}, {_seconds(line.seconds)}"
        return Tile(line.label, "not reached", words, line.style)
    return Tile(
        line.label,
        f"{number(epochs, 2)} of {number(plain.epochs)} epochs",
        f"{_seconds(seconds)} of {_seconds(plain.seconds)} to the same loss; "
        f"ends at {number(line.loss)}",
        line.style,
    )


def _ended(line: Curve) -> Tile:
    if not math.isfinite(line.loss):
        return Tile(line.label, "▲ diverged", f"at epoch {number(line.epochs)}", line.style)
    return Tile(
        line.label,
        f"J = {number(line.loss)}",
        f"after {number(line.epochs)} epochs, {_seconds(line.seconds)}",
        line.style,
    )


def study_tiles(picture: Picture) -> list[Tile]:
    """Return each line's lowest value and where it stands."""
    panel = picture.panels[0]
    tiles = []
    for line in picture.lines[:MOST]:
        pairs = zip(line.columns[panel.x], line.columns[panel.y], strict=True)
        there = [(y, x) for x, y in pairs if x is not None and y is not None]
        if not there:
            continue
        loss, place = min(there)
        symbol = {"tau": "τ", "step_size": "s"}[panel.x]
        words = f"its lowest, at {symbol} = {number(place)}"
        if line.gone:
            words += f"; diverged from {symbol} = {number(min(line.gone))}"
        tiles.append(Tile(line.label, f"J = {number(loss)}", words, line.style))
    return tiles


def _seconds(value: float) -> str:
    return f"{value:.0f} s" if 10 <= value < 5400 else duration(value)


def html(tiles: Sequence[Tile]) -> str:
    """Return the row of tiles."""
    styled = [(i, tile.style) for i, tile in enumerate(tiles) if tile.style is not None]
    strokes = stroke_css(
        [f'.paper-tiles [data-tile="{i}"] i' for i, _ in styled], [style for _, style in styled]
    )
    made = "".join(
        f'<div data-tile="{i}"><span class="paper-name"><i></i>{escape(tile.name)}</span>'
        f'<span class="paper-value">{escape(tile.value)}</span>'
        f'<span class="paper-words">{escape(tile.words)}</span></div>'
        for i, tile in enumerate(tiles)
    )
    return f'{strokes}<div class="paper-tiles">{made}</div>'
