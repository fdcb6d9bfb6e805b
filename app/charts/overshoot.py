"""What is left of the change asked of each layer, by the implicit and the explicit step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from app.charts.frame import axis, framed, scatter, segment, sizes
from app.charts.theme import BLUE, VERMILION

TOP, FOOT, ROW, THICK = 6, 66, 58, 18  # pixels: above the bars, below them, of a layer, of a bar
# What is drawn of a layer: name, measure, colour, and how far from the layer's middle.
PAIR = (
    ("implicit", "overshoot", BLUE, -0.19),
    ("explicit, s = τ", "overshoot_matched", VERMILION, 0.19),
)


def overshoot_figure(measures: Sequence[dict[str, Any]]) -> go.Figure:
    """Return bars of what is left over, a pair for each hidden layer; bars start at 1.

    `layout.height` says how high it is drawn.

    Args:
        measures: Rows of a trace, one a layer; the last layer is asked for nothing.
    """
    hidden = [row for row in measures if row["overshoot_matched"] is not None]
    size = sizes(lecture=False)
    data: list[dict[str, Any]] = []
    shapes = [segment(1, x=(1, 1), dash="solid", width=1.5)]
    for place, row in enumerate(hidden):
        layer = f"layer {row['layer']}"
        for name, field, color, beside in PAIR:
            value, at = row[field], place + beside
            data.append(
                scatter(
                    [value],
                    [at],
                    name=name,
                    mode="markers+text",
                    text=[f"{value:.3g}"],
                    textposition="middle right" if value >= 1 else "middle left",
                    cliponaxis=False,
                    marker={"size": THICK, "opacity": 0, "color": color},  # to hover over
                    line={"color": color, "dash": "solid", "width": THICK / 2},  # of its name
                    hovertemplate=f"{layer}, {name}: {value:.4g}<extra></extra>",
                    meta={"label": name, "about": {"layer": layer, "step": name}},
                )
            )
            end = {"x0": 1, "x1": value, "y0": at, "y1": at, "xref": "x", "yref": "y"}
            look = {"color": color, "width": THICK}
            shapes.append({"type": "line", "layer": "between", "name": name, "line": look, **end})
    values = [row[field] for row in hidden for _, field, _, _ in PAIR]
    low, high = math.log10(min([0.5, *values])), math.log10(max([2.0, *values]))
    layout = {
        "height": TOP + ROW * len(hidden) + FOOT,
        "hovermode": "closest",
        "shapes": shapes,
        "xaxis": axis(
            size,
            "share left over<br>← helps · overshoots →",
            type="log",
            range=[low - 0.16, high + 0.16],
            tickvals=[factor * 10.0**power for power in range(-3, 9) for factor in _ticks(high)],
        ),
        "yaxis": axis(
            size,
            range=[len(hidden) - 0.5, -0.5],  # from the top down
            tickvals=list(range(len(hidden))),
            ticktext=[f"layer {row['layer']}" for row in hidden],
            showgrid=False,
        ),
    }
    margin = {"l": 70, "r": 20, "t": TOP, "b": FOOT}
    csv = ["share left over", "height"]
    return framed(data, layout, size, margin, names="legend", csv=csv)


def _ticks(high: float) -> tuple[int, ...]:
    return (1, 2, 5) if high < 2 else (1,)
