"""What tells contenders apart: a colour and a dash each, on charts and beside their names."""

from __future__ import annotations

from collections.abc import Sequence

from app.charts.theme import (
    BLUE,
    DARK_LINES,
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

WIDTH = 26
# Dashes in pixels of the sample line, by Plotly's names.
DASHES = {
    "dash": "9 5",
    "dot": "3 4",
    "dashdot": "9 4 3 4",
    "longdash": "14 4",
    "longdashdot": "14 4 3 4",
}


def line_styles(contenders: Sequence[Contender]) -> list[LineStyle]:
    """Return a colour and dash for each contender, distinct among all of them."""
    usual = [line_style(each.direction.solver, each.optimizer.name) for each in contenders]
    styles: dict[int, LineStyle] = {}
    for index, own in enumerate(usual):  # the first of a colour keeps what it has everywhere else
        if own.color not in {style.color for style in styles.values()}:
            styles[index] = own
    for index, own in enumerate(usual):
        if index not in styles:
            styles[index] = _another(own, list(styles.values()))
    return [styles[index] for index in range(len(usual))]


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


def stroke_css(places: Sequence[str], styles: Sequence[LineStyle]) -> str:
    """Return a style element that draws `styles` behind the elements `places` selects."""
    schemes = []
    for scheme in ("light", "dark"):
        rules = (
            f'{place}{{background-image:url("{_picture(style, scheme == "dark")}")}}'
            for place, style in zip(places, styles, strict=True)
        )
        schemes.append(f"@media (prefers-color-scheme: {scheme}) {{{''.join(rules)}}}")
    return f"<style>{''.join(schemes)}</style>"


def _picture(style: LineStyle, dark: bool) -> str:
    color = DARK_LINES.get(style.color, style.color) if dark else style.color
    dash = f" stroke-dasharray='{DASHES[style.dash]}'" if style.dash in DASHES else ""
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='10'>"
        f"<line x1='0' y1='5' x2='{WIDTH}' y2='5' stroke='{color}' stroke-width='4'{dash}/></svg>"
    )
    encoded = svg.replace("#", "%23").replace("<", "%3C").replace(">", "%3E")
    return f"data:image/svg+xml,{encoded}"
