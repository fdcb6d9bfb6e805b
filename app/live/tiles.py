"""Numbers that change while a run goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from app.live.component import mount


@dataclass(frozen=True)
class Tile:
    """One number.

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


def live_tiles(run: str | None, tiles: Sequence[Tile], *, key: str, lecture: bool = False) -> None:
    """Show the latest value of each series in a row of tiles.

    Args:
        run: Id of the run; None shows dashes.
        tiles: What to show, left to right.
        key: Identity on the page.
        lecture: Larger type.
    """
    data = {"run": run, "tiles": [asdict(tile) for tile in tiles], "lecture": lecture}
    mount("tiles", data, key=key, height=96 if lecture else 68)
