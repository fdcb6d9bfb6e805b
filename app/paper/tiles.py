"""The numbers beneath the picture: when each contender stands where plain ended."""

from __future__ import annotations

import math

from app.charts.panels import Picture
from app.components.notation import duration, number
from app.components.tiles import Tile
from app.paper.curves import Curve, baseline, curves
from proxprop.paper.curves import arrival
from proxprop.paper.result import Result

MAX_TILES = 6  # contenders of a race


def training_tiles(result: Result) -> list[Tile]:
    """Return where plain ends, and when every other contender gets there."""
    drawn = curves(result)
    plain = baseline(drawn)
    if plain is None or not plain.epochs:
        return [
            _end(line, f"after {number(line.epochs)} epochs, {_seconds(line.seconds)}")
            for line in drawn[:MAX_TILES]
        ]
    end = f"at its end: {number(plain.epochs)} epochs, {_seconds(plain.seconds)}"
    others = [_arrival(line, plain) for line in drawn if line is not plain]
    return [_end(plain, end), *others][:MAX_TILES]


def _end(line: Curve, note: str) -> Tile:
    if not math.isfinite(line.loss):
        return _diverged(line)
    return Tile(line.label, f"J = {number(line.loss)}", note, line.style)


def _diverged(line: Curve) -> Tile:
    return Tile(line.label, "▲ diverged", f"at epoch {number(line.epochs)}", line.style)


def _arrival(line: Curve, plain: Curve) -> Tile:
    epochs, seconds = (arrival(line.seeds, plain.loss, place) for place in ("epoch", "seconds"))
    if epochs.n:
        value = f"{number(epochs.mean, 2)} of {number(plain.epochs)} epochs"
        few = f", by {epochs.n} of {line.raced} seeds" if epochs.n < line.raced else ""
        time = f"{_seconds(seconds.mean)} of {_seconds(plain.seconds)} to the same loss{few}"
        return Tile(line.label, value, f"{time}; ends at {number(line.loss)}", line.style)
    if line.diverged and not math.isfinite(line.loss):
        return _diverged(line)
    early = ""
    if line.epochs < plain.epochs:
        early = f" after {number(line.epochs)} epoch{'s' * (line.epochs != 1)}"
    note = f"ends at {number(line.loss)}{early}, {_seconds(line.seconds)}"
    return Tile(line.label, "not reached", note, line.style)


def study_tiles(picture: Picture) -> list[Tile]:
    """Return each line's lowest value and where it stands."""
    panel = picture.panels[0]
    symbol = {"tau": "τ", "step_size": "s"}[panel.x]
    tiles = []
    for line in picture.lines[:MAX_TILES]:
        pairs = zip(line.columns[panel.y], line.columns[panel.x], strict=True)
        known = [(y, x) for y, x in pairs if x is not None and y is not None]
        if not known:
            continue
        loss, place = min(known)
        note = f"its lowest, at {symbol} = {number(place)}"
        if line.gone:
            note += f"; diverged from {symbol} = {number(min(line.gone))}"
        tiles.append(Tile(line.label, f"J = {number(loss)}", note, line.style))
    return tiles


def _seconds(value: float) -> str:
    return f"{value:.0f} s" if 10 <= value < 5400 else duration(value)
