"""The report's charts: every line with its own points, means over seeds with their spread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.charts.curves import CLOCKS, hover, ticks
from app.charts.theme import template
from app.components.side_by_side import Side
from proxprop.runs.reading import Reading
from proxprop.spec.curves import band

HEIGHT = 380  # pixels
FAINT = 0.18  # opacity of a band
# What is drawn: title, column, clock, title of the vertical axis, format.
CHARTS = (
    ("Training loss by epoch", "train_loss", "epoch", "full training loss J", ".3~g"),
    ("Training loss by seconds", "train_loss", "seconds", "full training loss J", ".3~g"),
    ("Validation loss by epoch", "validation_loss", "epoch", "validation loss", ".3~g"),
    ("Validation accuracy by epoch", "validation_accuracy", "epoch", "validation accuracy", ".1%"),
)


def charts(store: Reading, lines: Sequence[Side]) -> Iterator[go.Figure]:
    """Yield the charts that have something to show."""
    points = [
        [store.points(line.run.id, "evaluations", member) for member in line.members]
        for line in lines
    ]
    for title, column, clock, y_title, form in CHARTS:
        figure = go.Figure()
        for line, members in zip(lines, points, strict=True):
            _draw(figure, line, [m for m in members if column in m], column, clock, form)
        if not figure.data:
            continue
        figure.update_layout(
            template=template(dark=False),
            title={"text": title, "x": 0, "xanchor": "left", "font": {"size": 17}},
            height=HEIGHT,
            hovermode="x unified",
            xaxis={"title": CLOCKS[clock]["title"], "hoverformat": CLOCKS[clock]["hoverformat"]},
            yaxis={
                "title": y_title,
                "type": "linear" if form.endswith("%") else "log",
                "tickformat": ticks(form),
            },
            legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top"},
        )
        yield figure


def _draw(
    figure: go.Figure,
    line: Side,
    members: Sequence[pd.DataFrame],
    column: str,
    clock: str,
    form: str,
) -> None:
    if not members:
        return
    (x, _), (mean, std) = (
        band([member[name].to_numpy() for member in members]) for name in (clock, column)
    )
    color = line.style.color
    name = escape(line.label) + (f" (N = {len(members)})" if len(members) > 1 else "")
    if len(members) > 1:
        lowest = np.minimum.reduce([member[column].to_numpy()[: len(mean)] for member in members])
        low, high = np.maximum(mean - std, lowest), mean + std
        around = {"x": [*x, *x[::-1]], "y": [*high, *low[::-1]], "fill": "toself"}
        figure.add_scatter(
            **around, fillcolor=color, opacity=FAINT, mode="none", hoverinfo="skip",
            showlegend=False, legendgroup=name,
        )  # fmt: skip
    figure.add_scatter(
        x=x,
        y=mean,
        name=name,
        legendgroup=name,
        mode="lines+markers" if len(x) <= 25 else "lines",
        marker={"size": 5},
        line={"color": color, "dash": line.style.dash, "width": 2.5},
        hovertemplate=hover(form),
    )
