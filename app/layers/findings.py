"""What the step did to each layer: overshoot, measures, and what must hold."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.charts.theme import BLUE, DARK_LINES, GREY, VERMILION, template
from app.components.notation import number

OVERSHOOT_WORDS = (
    "Each hidden layer is asked to move its output z to z½. Drawn is the share of that distance "
    "left over after its weight step, ‖φ(θ⁺, a) − z½‖ / ‖φ(θ, a) − z½‖, for the implicit step and "
    "for the explicit step matched to it (s = τ). Below 1 the step helps, above 1 it overshoots. "
    "This speaks of the layer's own subproblem, not of training as a whole."
)
HEAD, FOOT = 70, 52  # pixels: title and legend above the bars, axis below
# A row a measure: the field it comes from, in words and symbols.
ROWS = {
    "update_explicit": "‖Δθ‖ / ‖θ‖, explicit",
    "update_implicit": "‖Δθ‖ / ‖θ‖, implicit",
    "cosine": "cos∠(D, G)",
    "bound": "its bound, for the exact D",
    "change_z": "‖Δz‖",
    "change_a": "‖Δa‖",
    "dead": "units asked for nothing",
    "cg_residuals": "CG residual ‖r‖ / ‖G‖, by iteration",
    "condition": "condition of S = ÃᵀÃ + I/τ",
    "top": "share of ‖Δ‖² along the top 8 eigenvectors",
    "route": "solved by",
    "seconds": "solve time, float64 [ms]",
}
ROUTES = {"dual": "samples (N × N)", "primal": "columns (d × d)"}


def overshoot_figure(measures: list[dict[str, Any]], dark: bool = False) -> go.Figure:
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
    found = [row[field] for row in hidden for field in ("overshoot", "overshoot_matched")]
    low, high = math.log10(min([0.5, *found])), math.log10(max([2.0, *found]))
    figure.add_vline(x=1, line={"color": GREY, "width": 1.5})
    figure.update_layout(
        template=template(dark),
        title={
            "text": "What is left of the change asked of each layer",
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yanchor": "top",
            "pad": {"t": 10},
            "font": {"size": 17},
        },
        height=HEAD + FOOT + 58 * len(hidden),
        margin={"l": 70, "r": 20, "t": HEAD, "b": FOOT},
        xaxis={
            "title": "left: the step helps — share left over — right: it overshoots",
            "type": "log",
            "range": [low - 0.16, high + 0.16],
            "tickvals": [factor * 10.0**power for power in range(-3, 9) for factor in _ticks(high)],
        },
        yaxis={"autorange": "reversed"},
        # Beside the title there is no room for it on a small screen.
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"},
        bargap=0.35,
    )
    return figure


def _ticks(high: float) -> tuple[int, ...]:
    return (1, 2, 5) if high < 2 else (1,)


def overshoots(trace: dict[str, Any]) -> None:
    """Draw the overshoots, with what they mean and what they do not."""
    st.plotly_chart(
        overshoot_figure(trace["measures"], st.context.theme.type == "dark"),
        theme=None,
        key="overshoot",
        config={
            "displaylogo": False,
            "modeBarButtons": [["toImage"]],
            "toImageButtonOptions": {"format": "svg", "filename": "overshoot"},
        },
    )
    st.caption(OVERSHOOT_WORDS)


def verification(trace: dict[str, Any]) -> None:
    """List what must hold at this state, with ticks and the errors found."""
    st.subheader("What must hold, and does it", anchor=False)
    rows = "".join(
        f'<tr data-check="{check["key"]}" data-holds="{str(check["holds"]).lower()}">'
        f"<td>{'✓' if check['holds'] else '✗ fails'}</td><td>{check['claim']}</td>"
        f"<td>{check['found']}</td></tr>"
        for check in trace["checks"]
    )
    st.html(f'<table class="proxprop-checks">{rows}</table>')
    st.caption(
        "Computed in float64 on the state shown; errors are relative to what is compared. "
        "D: direction of the implicit step, G: gradient, κ: condition of S."
    )


def measures_frame(measures: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the table of measures, a column a layer, as a person reads them."""
    columns = {f"layer {row['layer']} ({row['name']})": _told(row) for row in measures}
    return pd.DataFrame(columns, index=list(ROWS.values()))


def _told(row: dict[str, Any]) -> list[str]:
    top, seconds = row.get("top_energy"), row.get("seconds")
    route = str(row.get("route", "")).partition("-")[0]
    told = {
        "dead": _share(row.get("dead")),
        "cg_residuals": " → ".join(map(number, row["cg_residuals"])) or "–",
        "top": _share(sum(top) if top else None),
        "route": ROUTES.get(route, "–"),
        "seconds": number(None if seconds is None else 1e3 * seconds),
    }
    return [told[field] if field in told else number(row.get(field)) for field in ROWS]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def measures(found: dict[str, Any], trace: dict[str, Any]) -> None:
    """Show the table of measures, and the whole trace to take away."""
    st.subheader("Measures of this step", anchor=False)
    frame = measures_frame(found["measures"])
    wide = {"_index": st.column_config.TextColumn("", width="large")}
    st.dataframe(frame, column_config=wide, height="content", key="measures")
    st.download_button(
        "Every stage as JSON",
        data=lambda: json.dumps(trace),
        file_name="proxprop-step.json",
        mime="application/json",
        key="trace-json",
        on_click="ignore",
    )
