"""What tells contenders apart on every chart: a name, a colour and a dash each."""

from __future__ import annotations

from collections.abc import Sequence

from app.charts.theme import (
    BLUE,
    GREEN,
    INDIGO,
    OCHRE,
    ORANGE,
    PURPLE,
    ROSE,
    SKY,
    TEAL,
    VERMILION,
    LineStyle,
    line_style,
)
from proxprop.spec.config import Contender

# Beyond a direction's own colour, equals take the next free one of its family, each with another
# dash: explicit steps stay warm and short-dashed, implicit ones cool and long-dashed.
WARM = (VERMILION, ORANGE, PURPLE, OCHRE, ROSE)
COOL = (BLUE, TEAL, INDIGO, SKY, GREEN)
SHORT = ("dash", "dot", "dashdot")
LONG = ("solid", "longdash", "longdashdot")


def looks(contenders: Sequence[Contender]) -> list[LineStyle]:
    """Return a colour and dash for each contender, distinct among all of them."""
    owns = [line_style(one.direction.solver, one.optimizer.name) for one in contenders]
    found: dict[int, LineStyle] = {}
    for index, own in enumerate(owns):  # the first of a colour keeps what it has everywhere else
        if own.color not in {style.color for style in found.values()}:
            found[index] = own
    for index, own in enumerate(owns):
        if index not in found:
            found[index] = _another(own, list(found.values()))
    return [found[index] for index in range(len(owns))]


def _another(own: LineStyle, taken: list[LineStyle]) -> LineStyle:
    """Return a free colour of the family with another dash; a free pair once colours are used."""
    colors, dashes = (WARM, SHORT) if own.dash in SHORT else (COOL, LONG)
    start = dashes.index(own.dash)
    turned = dashes[start:] + dashes[:start]
    used = {style.color for style in taken}
    for color in colors:
        if color not in used:
            return LineStyle(color, turned[len(taken) % 3])
    pairs = (LineStyle(color, dash) for dash in turned for color in colors)
    return next(pair for pair in pairs if pair not in taken)
