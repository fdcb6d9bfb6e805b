"""What the step did to each layer: overshoot, measures, and what must hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app.charts.overshoot import overshoot_figure
from app.components.notation import number
from app.components.tables import table_html
from app.live.chart import BAR, show_figure

LEFT_OVER = "What is left of the change asked of each layer"
OVERSHOOT = (
    "Each hidden layer is asked to move its output z to z½. Drawn is the share of that distance "
    "left over after its weight step, ‖φ(θ⁺, a) − z½‖ / ‖φ(θ, a) − z½‖, for the implicit step and "
    "for the explicit step matched to it (s = τ). Below 1 the step helps, above 1 it overshoots. "
    "This speaks of the layer's own subproblem, not of training as a whole."
)
RESIDUAL = (
    "A residual r is what CG leaves unsolved of a layer's linear equation: as long as the "
    "gradient G before the first iteration, 0 once solved."
)
# A row a measure: the field it comes from, in words and symbols.
FIELDS = {
    "update_explicit": "‖Δθ‖ / ‖θ‖, explicit",
    "update_implicit": "‖Δθ‖ / ‖θ‖, implicit",
    "cosine": "cos∠(D, G)",
    "bound": "its bound, for the exact D",
    "change_z": "‖Δz‖",
    "change_a": "‖Δa‖",
    "dead": "units asked for nothing",
    "cg_residuals": "CG residual ‖r‖ / ‖G‖, by iteration",
    "condition": "condition of S = ÃᵀÃ + I/τ",
    "top_energy": "share of ‖Δ‖² along the top 8 eigenvectors",
    "route": "solved by",
    "seconds": "solve time, float64 [ms]",
}
ROUTES = {"dual": "samples (N × N)", "primal": "columns (d × d)"}
CHECK = """\
<tr data-check="{key}" data-holds="{holds}">
<td>{tick}</td><td>{claim}</td><td>{found}</td></tr>
"""
HOLDS = {"holds": "true", "tick": "✓"}
FAILS = {"holds": "false", "tick": "✗ fails"}
Row = dict[str, Any]  # of a trace: one layer's measures, or one check


def overshoots(measures: Sequence[Row]) -> None:
    """Draw the overshoots, with what they mean and what they do not."""
    st.subheader(LEFT_OVER, anchor=False)
    figure = overshoot_figure(measures)
    show_figure(
        figure,
        key="overshoot",
        title=LEFT_OVER,
        height=figure.layout.height + BAR,
        file="proxprop-overshoot",
    )
    st.caption(OVERSHOOT)


def checks(rows: Sequence[Row]) -> None:
    """List what must hold at this state, with ticks and the errors found."""
    st.subheader("What must hold, and does it", anchor=False)
    table = [CHECK.format_map(row | (HOLDS if row["holds"] else FAILS)) for row in rows]
    st.html(f'<table class="proxprop-checks">{"".join(table)}</table>')
    st.caption(
        "Computed in float64 on the state shown; errors are relative to what is compared. "
        "D: direction of the implicit step, G: gradient, κ: condition of S."
    )


def measures_table(measures: Sequence[Row]) -> None:
    """Show the table of measures."""
    st.subheader("Measures of this step", anchor=False)
    st.html(table_html(measures_frame(measures), "Measures of this step"))
    if any(row.get("cg_residuals") for row in measures):
        st.caption(RESIDUAL)


def measures_frame(measures: Sequence[Row]) -> pd.DataFrame:
    """Return the table of measures, a column a layer, as a person reads them."""
    columns = {
        f"layer {row['layer']} ({row['name']})": [
            WORDED.get(field, number)(row.get(field)) for field in FIELDS
        ]
        for row in measures
    }
    return pd.DataFrame(columns, index=list(FIELDS.values()))


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


# Fields that are no plain numbers; each may be missing.
WORDED: dict[str, Callable[[Any], str]] = {
    "dead": _share,
    "cg_residuals": lambda residuals: " → ".join(map(number, residuals)) or "–",
    "top_energy": lambda shares: _share(sum(shares) if shares else None),
    "route": lambda route: ROUTES.get(str(route).partition("-")[0], "–"),
    "seconds": lambda seconds: number(None if seconds is None else 1e3 * seconds),
}
