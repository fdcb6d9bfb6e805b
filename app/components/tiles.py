"""Numbers in a row of tiles: live ones while a run goes on, and recorded ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape

import streamlit as st

from app.charts.contender_styles import stroke_css
from app.charts.theme import LineStyle
from app.live.component import mount

TILE = """\
<div data-tile="{index}"><span class="paper-name"><i></i>{name}</span>\
<span class="paper-value">{value}</span><span class="paper-words">{note}</span></div>"""


@dataclass(frozen=True)
class LiveTile:
    """One number that follows a run.

    Attributes:
        label: What it is, in words.
        series: `<member>/<table>/<column>`; or several joined by "|", of which the largest shows.
        format: d3-like format: ".3g" digits, ".1%" percent, "s" SI seconds ("1.2 ms").
        symbol: Mathematical symbol shown beside the label.
        help: One sentence on hover.
    """

    label: str
    series: str
    format: str = ".3g"
    symbol: str = ""
    help: str = ""


@dataclass(frozen=True)
class Tile:
    """One recorded number of a contender.

    Attributes:
        name: Whose number.
        value: The number, large.
        note: What it says, beneath.
        style: The contender's line.
    """

    name: str
    value: str
    note: str
    style: LineStyle


def live_tiles(run: str | None, tiles: Sequence[LiveTile], *, key: str) -> None:
    """Show the latest value of each series.

    Args:
        run: Id of the run; None shows dashes.
        tiles: What to show, left to right.
        key: Identity on the page.
    """
    data = {"run": run, "tiles": [asdict(tile) for tile in tiles]}
    mount("tiles", data, key=key, height=68)


def tile_row(tiles: Sequence[Tile]) -> None:
    """Show recorded numbers, each beside its contender's line."""
    strokes = stroke_css(
        [f'.paper-tiles [data-tile="{index}"] i' for index in range(len(tiles))],
        [tile.style for tile in tiles],
    )
    row = "".join(
        TILE.format(
            index=index,
            name=escape(tile.name),
            value=escape(tile.value),
            note=escape(tile.note),
        )
        for index, tile in enumerate(tiles)
    )
    st.html(f'{strokes}<div class="paper-tiles">{row}</div>')
