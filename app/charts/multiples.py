"""Small multiples along runs: a row a measure, a column a layer, axes shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from app.charts.curves import Trace, hover
from app.charts.frame import MUTED, Sizes, axis, framed, heading, note, of, scatter, segment


@dataclass(frozen=True)
class Row:
    """One measure, drawn for every layer.

    Attributes:
        name: What a person picks.
        title: Of the vertical axis, with symbol.
        columns: Measures drawn together.
        log: Whether the axis is logarithmic.
        full: Whether only the full tier records it.
        every: Whether explicit layers have it too.
        level: Where a thin line stands; None for none.
        hidden: Whether only layers have it that another one follows.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    log: bool = True
    full: bool = False
    every: bool = False
    level: float | None = None
    hidden: bool = False


def multiples(
    rows: Sequence[Row],
    columns: Sequence[str],
    panels: Mapping[tuple[int, str], Sequence[Trace]],
    *,
    lecture: bool = False,
) -> go.Figure:
    """Return one panel for each row and column.

    Args:
        rows: Measures from the top down.
        columns: Layers from left to right.
        panels: The lines of a row and a column; where there are none, the layer is explicit.
        lecture: Larger type and thicker lines.
    """
    size = Sizes(18, 17, 1.6) if lecture else Sizes(13, 12, 1)
    layout: dict[str, Any] = {"hovermode": "x", "annotations": [], "shapes": []}
    data = []
    for r, row in enumerate(rows):
        for c, column in enumerate(columns):
            panel, first = r * len(columns) + c + 1, r * len(columns) + 1
            place = {"xaxis": of("x", panel), "yaxis": of("y", panel)}
            traces = panels[r, column]
            template = f"{hover('.3~g')}<extra></extra>"
            data += [trace.scatter(size, template, panel) for trace in traces]
            last = r == len(rows) - 1
            layout[of("xaxis", panel)] = axis(
                size,
                "step" if last else "",
                anchor=place["yaxis"],
                showticklabels=last,
                nticks=5,
                **({"matches": "x"} if panel > 1 else {}),
            )
            layout[of("yaxis", panel)] = axis(
                size,
                "" if c else row.title,
                anchor=place["xaxis"],
                type="log" if row.log else "linear",
                showticklabels=not c,
                **({"matches": of("y", first)} if c else {}),
            )
            if r == 0:
                layout["annotations"].append(heading(column, panel, size.font + 1, middle=True))
            if row.level is not None:
                at = (row.level, row.level)
                layout["shapes"].append(segment(panel, y=at, width=2))  # the grid may cover half
            if not traces:
                middle = {"x": 0.5, "y": 0.5, "opacity": MUTED}
                why = "last layer:<wbr> none" if row.hidden else "explicit layer:<wbr> none"
                layout["annotations"].append(note(why, panel, **middle))
                data.append(scatter([], [], panel))  # keeps the axes
    return framed(
        data,
        layout,
        size,
        {"l": 5 * size.font, "r": 12, "t": 2 * size.font, "b": 3.2 * size.font},
        columns=len(columns),
        gap=[24, 14],
        names="legend",
        linked=True,
    )
