"""The live map of a sweep: fills in as its runs end, without rerunning the page."""

from __future__ import annotations

from app.live.component import mount

EMPTY = "The map fills in here as soon as the first runs have ended."


def live_map(
    run: str | None,
    *,
    key: str,
    height: int,
    selected: int | None = None,
    clickable: bool = True,
    lecture: bool = False,
    empty: str = EMPTY,
) -> int | None:
    """Draw a sweep's map; return the cell that was just clicked, if one was.

    Args:
        run: Id of the sweep.
        key: Identity on the page.
        height: Pixels at least; a taller window gives it more.
        selected: The cell to mark.
        clickable: Whether a click asks for a cell's curve.
        lecture: Type of at least 18 pt.
        empty: What to do next, shown while there is nothing to draw.
    """
    data = {
        "run": run,
        "member": 0,
        "artifact": "map",
        "height": height,
        "empty": empty,
        "selected": selected,
        "clickable": clickable,
        "lecture": lecture,
    }
    result = mount("map", data, key=key, height=None, on_cell_change=lambda: None)
    cell = getattr(result, "cell", None)
    return int(cell) if isinstance(cell, (int, float)) else None
