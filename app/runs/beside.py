"""What two or more chosen runs show beside each other: curves, and where their settings differ."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from app.charts.contender_styles import stroke_css
from app.charts.curves import Quantity, Trace
from app.charts.parallel import parallel
from app.components.side_by_side import MOST, Side, axes, differences, results, sides
from app.live.chart import BAR, live_chart, show_figure
from app.services import get_store
from proxprop.runs.record import Run

QUANTITIES = (
    Quantity(
        "evaluations/train_loss", "training loss", "Training loss", "full training loss J", log=True
    ),
    Quantity(
        "evaluations/validation_loss",
        "validation loss",
        "Validation loss",
        "validation loss",
        log=True,
    ),
    Quantity(
        "evaluations/validation_accuracy",
        "accuracy",
        "Validation accuracy",
        "validation accuracy",
        y_format=".1%",
        below=False,
    ),
)
HEIGHT = 360  # pixels of the curves
PARALLEL = "Settings and results, a line a run"


def beside(chosen: Sequence[Run]) -> None:
    """Show the chosen runs beside each other; of a single one, its curves."""
    lines = sides(get_store(), chosen)
    if not lines:
        return
    overlay(lines)
    if len(lines) == 1:
        return
    st.subheader("Where they differ", anchor=False)
    st.html(difference_table(lines))
    st.subheader(PARALLEL, anchor=False)
    names = [(escape(line.label), line.style) for line in lines]
    for narrow, width in enumerate(("wide", "narrow")):  # the style shows the one that suits
        with st.container(key=f"parallel-{width}"):
            figure = parallel(axes(lines), names, narrow=bool(narrow))
            show_figure(
                figure,
                key=f"runs.parallel-{width}",
                title=PARALLEL,
                height=figure.layout.height + BAR,
                file="proxprop-parallel-coordinates",
            )
    if len(lines) == MOST:
        st.caption(f"At most {MOST} lines are drawn.")


def overlay(lines: Sequence[Side]) -> None:
    """Draw the curves of all, live."""
    traces = []
    for line in lines:
        series = tuple(f"{member}/{QUANTITIES[0].series}" for member in line.members)
        seeds = series if len(series) > 1 else ()
        color, dash = line.style.color, line.style.dash
        traces.append(Trace(line.run.id, series[0], line.label, color, dash, seeds=seeds))
    live_chart(
        traces,
        key="runs.overlay",
        title=QUANTITIES[0].title,
        y_title=QUANTITIES[0].y_title,
        log_y=True,
        height=HEIGHT,
        quantities=QUANTITIES,
        quantity=QUANTITIES[0].series,
        empty="Nothing has been measured here yet.",
    )


def difference_table(lines: Sequence[Side]) -> str:
    """Return the settings that differ, and the results, as a table with a column a line."""
    rows = differences([line.config for line in lines]) + results(lines)
    heads = "".join(f"<th scope=col><i></i>{escape(line.label)}</th>" for line in lines)
    body = "".join(
        f"<tr><th scope=row>{escape(label)}</th>"
        + "".join(f"<td>{escape(value)}</td>" for value in values)
        + "</tr>"
        for label, values in rows
    )
    places = [f".proxprop-table th:nth-child({index + 2}) i" for index in range(len(lines))]
    return (
        f"{stroke_css(places, [line.style for line in lines])}"
        '<div class="proxprop-table" tabindex="0" role="region" aria-label="Where they differ">'
        f"<table><thead><tr><th></th>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )
