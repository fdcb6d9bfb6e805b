"""A contender's line beside its name, in both themes, as a stylesheet."""

from __future__ import annotations

from collections.abc import Sequence

from app.charts.theme import DARK_LINES, LineStyle

WIDTH = 26
# Dashes in pixels of the sample line, by Plotly's names.
DASHES = {
    "dash": "9 5",
    "dot": "3 4",
    "dashdot": "9 4 3 4",
    "longdash": "14 4",
    "longdashdot": "14 4 3 4",
}


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
