"""What a run writes as a whole, live: pictures of what the network sees, the map of a sweep."""

from __future__ import annotations

from typing import Literal

from app.charts.theme import CLASS_COLORS
from app.live.component import mount
from proxprop.spec.sweeping import MapPayload

# What to do next, shown while there is nothing to draw.
EMPTY = {
    "boundary": "The decision boundary appears here once the run has started.",
    "predictions": "Predictions on a few validation images appear here once the run has started; "
    "a table of numbers has none.",
    "confusion": "The confusion matrix appears here when the run ends.",
    "map": "The map fills in here as soon as the first runs have ended.",
}


def live_picture(
    kind: Literal["boundary", "predictions", "confusion"],
    run: str | None,
    *,
    height: int = 380,
    fill: int = 0,
) -> None:
    """Draw how the network divides the plane, what it predicts, or which class it takes for which.

    Args:
        kind: Name of the artifact; also its identity on the page.
        run: Id of the run; None shows what to do.
        height: Pixels.
        fill: Pixels of the window that the rest of the page takes: the picture grows into what is
            left; 0 keeps it at `height`.
    """
    data = {"run": run, "artifact": kind, "height": height, "classColors": CLASS_COLORS}
    data |= {"empty": EMPTY[kind], "fill": fill}
    mount(kind, data, key=kind, height=None if fill else height)


def live_map(
    run: str | None,
    *,
    key: str,
    height: int,
    selected: int | None = None,
    clickable: bool = True,
    lecture: bool = False,
    recorded: MapPayload | None = None,
) -> int | None:
    """Draw a sweep's map; return the cell that was just clicked, if one was.

    Args:
        run: Id of the sweep.
        key: Identity on the page.
        height: Pixels at least; a taller window gives it more.
        selected: The cell to mark.
        clickable: Whether a click asks for a cell's curve.
        lecture: Type of at least 18 pt.
        recorded: A map to draw where there is no run.
    """
    data = {"run": run, "artifact": "map", "height": height, "empty": EMPTY["map"]}
    look = {"selected": selected, "clickable": clickable, "lecture": lecture, "recorded": recorded}
    result = mount("map", {**data, **look}, key=key, height=None, on_cell_change=lambda: None)
    cell = getattr(result, "cell", None)
    return int(cell) if isinstance(cell, (int, float)) else None
