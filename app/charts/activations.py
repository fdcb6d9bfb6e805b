"""The activations of the probe batch at one moment of a run, and how its step changed them."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.charts.frame import axis, framed, heading, of, sizes
from app.charts.theme import SIGNED

ROWS = {"values": "after the step", "change": "change in this step"}
PANEL = 150  # pixels


def activations(
    moment: dict[str, Any],
    targets: list[int],
    classes: list[str],
    *,
    dark: bool = False,
    lecture: bool = False,
) -> go.Figure:
    """Return a column a layer: samples by units after a step, and below how it changed them.

    Args:
        moment: Of the artifact "activations".
        targets: The samples' classes, ascending.
        classes: Class names.
        dark: For the dark theme.
        lecture: Larger type.
    """
    size, layers = sizes(lecture), list(moment["layers"])
    firsts = [targets.index(target) for target in sorted(set(targets))]
    names = [classes[targets[first]] for first in firsts]
    layout: dict[str, Any] = {"annotations": [], "hovermode": "closest"}
    data = []
    for r, (field, title) in enumerate(ROWS.items()):
        for c, layer in enumerate(layers):
            panel = r * len(layers) + c + 1
            shown = moment["layers"][layer][field]
            rows, units = shown["rows"], shown["cols"]
            data.append(
                {
                    **{"type": "heatmap", "name": f"{layer}, {title}", "z": _cells(shown)},
                    **{"x": list(range(1, units + 1)), "y": list(range(1, rows + 1))},
                    **{"xaxis": of("x", panel), "yaxis": of("y", panel), "showscale": False},
                    **{"zmin": -(shown["scale"] or 1), "zmax": shown["scale"] or 1},
                    "colorscale": SIGNED["dark" if dark else "light"],
                    "hovertemplate": "sample %{y}, unit %{x}: %{z:.3g}<extra></extra>",
                    "meta": {"about": {"layer": layer, "what": title}},
                }
            )
            plain: dict[str, Any] = {"showgrid": False}
            layout[of("xaxis", panel)] = axis(
                size,
                "unit" if r else "",
                anchor=of("y", panel),
                range=[0.5, units + 0.5],
                showticklabels=bool(r),
                **plain,
            )
            layout[of("yaxis", panel)] = axis(
                size,
                title if not c else "",
                anchor=of("x", panel),
                range=[rows + 0.5, 0.5],
                showticklabels=not c,
                tickvals=[first + 1 for first in firsts],
                ticktext=names,
                **plain,
            )
            scale = f"±{shown['scale']:.3g}"
            text = scale if r else f"{layer} · {scale}"
            layout["annotations"].append(heading(text, panel, size.font, middle=True))
    longest = max(map(len, names))
    return framed(
        data,
        layout,
        size,
        {"l": 3 * size.font + 0.6 * size.tick * longest, "r": 12, "t": 2 * size.font, "b": 48},
        columns=len(layers),
        gap=[22, 2 * size.font],
        names="legend",
        csv=["unit", "sample"],
    )


def _cells(shown: dict[str, Any]) -> list[list[float]]:
    """Return a small picture's numbers."""
    levels = np.frombuffer(base64.b64decode(shown["data"]), dtype=np.int8)
    cells = levels.reshape(shown["rows"], shown["cols"]) * (shown["scale"] / 127)
    return [[float(f"{cell:.3g}") for cell in row] for row in cells.tolist()]
