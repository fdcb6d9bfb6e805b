"""What all figures share: quiet axes, type for reading or for the last row, headings of panels.

What depends on data that are still to come, or on the size of the window, the browser works out
(`app/web/chart.js`); a figure says how in `layout.meta`:

- ``thick``: factor on signs the browser draws, such as crosses;
- ``clocks``: patches of the horizontal axis, by step, epoch and seconds;
- ``logs``: vertical axes that the button "log" switches;
- ``gap``: pixels between panels, across and down; ``columns``: panels beside each other, and
  ``stack``: the width below which they stand one above the other; ``shares``: of the width;
- ``above``: whether marks stand before what is drawn;
- ``names``: where lines are named, "ends" or "along" or "legend"; ``wide``: from which width on;
- ``headroom``: share of vertical ranges kept free above the lines;
- ``linked``: whether hovering one panel shows the values of all;
- ``grow``: how far type grows with the window;
- ``csv``: names of the two columns of a recorded figure's numbers.

Words in a panel break at ``<wbr>`` where the panel is too narrow for them on one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

MUTED = 0.75  # opacity of words that are no line's name


@dataclass(frozen=True)
class Sizes:
    """Type in pixels, and how thick lines are."""

    font: float
    tick: float
    thick: float


def sizes(lecture: bool) -> Sizes:
    """Return the sizes for a desk, or for the last row."""
    return Sizes(18, 18, 1.7) if lecture else Sizes(13.5, 12.5, 1)


def axis(size: Sizes, title: str = "", **more: Any) -> dict[str, Any]:
    """Return an axis in the common look."""
    return {
        "title": {"text": title, "font": {"size": size.font}, "standoff": 8},
        "tickfont": {"size": size.tick},
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "tickangle": 0,
        "exponentformat": "power",
        "separatethousands": True,
        "automargin": False,
        "nticks": 6,
        **more,
    }


def framed(
    data: list[dict[str, Any]],
    layout: dict[str, Any],
    size: Sizes,
    margin: Mapping[str, float],
    **hints: Any,
) -> go.Figure:
    """Return a figure in the common look.

    Args:
        data: Traces.
        layout: Axes, shapes, words; they win over the common look.
        size: Type and thickness.
        margin: Pixels around the panels: l, r, t, b.
        **hints: What goes to `layout.meta`.
    """
    return go.Figure(
        data,
        {
            "font": {"size": size.font},
            "margin": margin,
            "hovermode": "x unified",
            "hoverdistance": 40,
            "hoverlabel": {"font": {"size": size.font}},
            "separators": ".\u2009",
            "dragmode": "zoom",
            "showlegend": False,
            "autosize": False,
            "uirevision": "kept",
            "meta": {"thick": size.thick, **hints},
            **layout,
        },
    )


def of(axis: str, panel: int) -> str:
    """Return Plotly's name of an axis of a panel: "x" for the first one, "x3" for the third."""
    return axis if panel == 1 else f"{axis}{panel}"


def note(text: str, panel: int, **place: Any) -> dict[str, Any]:
    """Return words in a panel; their place is in shares of it unless `place` says otherwise."""
    return {
        "text": text,
        "xref": f"{of('x', panel)} domain",
        "yref": f"{of('y', panel)} domain",
        "showarrow": False,
        **place,
    }


def heading(text: str, panel: int, size: float, middle: bool = False) -> dict[str, Any]:
    """Return words above a panel, at its left or over its middle."""
    place = {"x": 0.5, "xanchor": "center"} if middle else {"x": 0, "xanchor": "left"}
    return note(text, panel, y=1, yanchor="bottom", yshift=4, font={"size": size}, **place)


def segment(
    panel: int,
    *,
    x: tuple[float, float] | None = None,
    y: tuple[float, float] | None = None,
    name: str | None = None,
    **line: Any,
) -> dict[str, Any]:
    """Return a thin line behind the curves.

    Args:
        panel: Number of the panel, from 1.
        x: Where it begins and ends; None for the whole width.
        y: The same upwards; None for the whole height.
        name: Of the line it belongs to, with which it hides.
        **line: Plotly's look of it.
    """
    (x0, x1), (y0, y1) = x or (0, 1), y or (0, 1)
    return {
        "type": "line",
        "layer": "below",
        "xref": of("x", panel) + " domain" * (x is None),
        "yref": of("y", panel) + " domain" * (y is None),
        **{"x0": x0, "x1": x1, "y0": y0, "y1": y1, "name": name},
        "line": {"width": 1.0, "dash": "dot", **line},
    }


def scatter(x: list[Any], y: list[Any], panel: int = 1, **look: Any) -> dict[str, Any]:
    """Return a trace of a panel."""
    place = {"xaxis": of("x", panel), "yaxis": of("y", panel)}
    return {"type": "scatter", "x": x, "y": y, **place, **look}
