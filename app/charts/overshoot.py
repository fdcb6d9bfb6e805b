"""What is left of the change asked of each layer, by the implicit and the explicit step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from app.charts.theme import BLUE, DARK_LINES, GREY, VERMILION, template

HEAD, FOOT = 34, 66  # pixels: legend above the bars, axis below


def overshoot_figure(measures: Sequence[dict[str, Any]], dark: bool = False) -> go.Figure:
    """Return bars of what is left over, a pair for each hidden layer; bars start at 1."""
    hidden = [row for row in measures if row["overshoot_matched"] is not None]
    names = [f"layer {row['layer']}" for row in hidden]
    shades = DARK_LINES if dark else {}
    figure = go.Figure()
    for name, field, color in (
        ("implicit", "overshoot", BLUE),
        ("explicit, s = τ", "overshoot_matched", VERMILION),
    ):
        values = [row[field] for row in hidden]
        figure.add_bar(
            name=name,
            y=names,
            base=1,
            x=[value - 1 for value in values],
            customdata=values,
            orientation="h",
            marker_color=shades.get(color, color),
            text=[f"{value:.3g}" for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}, " + name + ": %{customdata:.4g}<extra></extra>",
        )
    values = [row[field] for row in hidden for field in ("overshoot", "overshoot_matched")]
    low, high = math.log10(min([0.5, *values])), math.log10(max([2.0, *values]))
    figure.add_vline(x=1, line={"color": GREY, "width": 1.5})
    figure.update_layout(
        template=template(dark),
        height=HEAD + FOOT + 58 * len(hidden),
        margin={"l": 70, "r": 20, "t": HEAD, "b": FOOT},
        xaxis={
            "title": {"text": "share left over<br>← helps · overshoots →", "font": {"size": 14}},
            "type": "log",
            "range": [low - 0.16, high + 0.16],
            "tickvals": [factor * 10.0**power for power in range(-3, 9) for factor in _ticks(high)],
        },
        yaxis={"autorange": "reversed"},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"},
        bargap=0.35,
    )
    return figure


def _ticks(high: float) -> tuple[int, ...]:
    return (1, 2, 5) if high < 2 else (1,)
