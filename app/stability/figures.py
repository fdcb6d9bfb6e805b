"""Figures of the Stability page: pure functions, data in, Plotly figure out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.charts.theme import DARK_LINES, line_style, template
from app.words import number
from proxprop.probe import LayerView
from proxprop.spectrum.filters import exact_gain, explicit_gain

LOW, HIGH = -2.0, 1.25  # of the factors, as on the quadratic
GAINS = (1e-3, 1e3)
STEPS = ("explicit", "exact", "cg")
MAX_LAYERS = 6
DECADES = 5.0  # of the spectrum, from its largest; below, all factors are 1


def layers_figure(
    views: Sequence[LayerView],
    *,
    gain: bool = False,
    dark: bool = False,
    lecture: bool = False,
    height: int = 330,
) -> go.Figure:
    """Draw what each kind of step leaves, or delivers, over each layer's measured spectrum.

    Args:
        views: The layers, at most `MAX_LAYERS` are drawn.
        gain: Draw the gain (delivered over requested) in place of the factor (left over).
        dark: Dark theme.
        lecture: Type of at least 18 pt and thick lines.
        height: Pixels.
    """
    shown = list(views)[:MAX_LAYERS]
    figure = make_subplots(
        1,
        len(shown),
        shared_yaxes=True,
        horizontal_spacing=0.02,
        subplot_titles=[_title(view, lecture) for view in shown],
    )
    for column, view in enumerate(shown, start=1):
        _panel(figure, view, column, gain=gain, dark=dark, lecture=lecture)
    _style(figure, shown, gain=gain, dark=dark, lecture=lecture, height=height)
    return figure


def _panel(
    figure: go.Figure, view: LayerView, column: int, *, gain: bool, dark: bool, lecture: bool
) -> None:
    values = view.probe.eigenvalues
    low = max(float(values.min()), float(values.max()) * 10**-DECADES)
    grid = np.geomspace(low, float(values.max()), 200)
    curves = {
        "explicit": (grid, explicit_gain(grid, view.tau)),
        "exact": (grid, exact_gain(grid, view.tau)),
        "cg": (values, view.gains["cg"]),
    }
    for step in STEPS:
        at, delivered = curves[step]
        figure.add_trace(
            _line(step, at, delivered if gain else 1 - delivered, view, dark, lecture, column == 1),
            row=1,
            col=column,
        )
    muted = "#9BA1AA" if dark else "#7A7F87"
    figure.add_trace(
        go.Scatter(
            x=values,
            y=np.full(len(values), GAINS[0] * 1.5 if gain else LOW + 0.08),
            mode="markers",
            marker={"symbol": "line-ns-open", "size": 9, "color": muted, "line": {"width": 1}},
            showlegend=False,
            hovertemplate="eigenvalue %{x:.3g}<extra></extra>",
        ),
        row=1,
        col=column,
    )
    limit = 2 / view.tau
    if low < limit < 1.5 * float(values.max()):
        figure.add_vline(limit, line={"width": 1.5, "dash": "dot", "color": muted}, col=column)


def _line(
    step: str,
    at: np.ndarray,
    y: np.ndarray,
    view: LayerView,
    dark: bool,
    lecture: bool,
    named: bool,
) -> go.Scatter:
    style = line_style(step)
    color = DARK_LINES.get(style.color, style.color) if dark else style.color
    return go.Scatter(
        x=at,
        y=y,
        name=step_name(step, view),
        legendgroup=step,
        showlegend=named,
        mode="lines+markers" if step == "cg" else "lines",
        line={"color": color, "dash": style.dash, "width": 5 if lecture else 2.5},
        marker={"size": 7 if lecture else 4},
        hovertemplate=f"{step_name(step, view)}: %{{y:.3g}} at λ = %{{x:.3g}}<extra></extra>",
    )


def step_name(step: str, view: LayerView) -> str:
    """Return what a step is called, with its settings."""
    tau = number(view.tau)
    names = {"explicit": f"explicit, s = {tau}", "exact": f"implicit (exact), τ = {tau}"}
    return names.get(step, f"implicit (CG {view.cg_steps})")


def _title(view: LayerView, lecture: bool) -> str:
    probe = view.probe
    words = "implicit" if probe.implicit else "explicit"
    limit = f"2/λ<sub>max</sub> = {number(probe.subproblem_limit, 2 if lecture else 3)}"
    if lecture:
        return f"<b>{probe.name}</b><br><span style='font-size:24px'>{limit}</span>"
    return f"<b>{probe.name}</b><br><span style='font-size:13px'>{words} layer, {limit}</span>"


def _style(
    figure: go.Figure,
    shown: list[LayerView],
    *,
    gain: bool,
    dark: bool,
    lecture: bool,
    height: int,
) -> None:
    font = 24 if lecture else 14
    figure.update_layout(
        template=template(dark),
        height=height,
        font={"size": font},
        margin={"l": 96 if lecture else 64, "r": 12, "t": 110 if lecture else 76, "b": 10},
        legend={
            "orientation": "h",
            "x": 0,
            "y": 0.995,
            "yanchor": "top",
            "yref": "container",
            "font": {"size": font},
        },
        hovermode="closest",
    )
    figure.update_annotations(font_size=font, yshift=-2)
    ticks = {"tickfont": {"size": 24 if lecture else 12}, "title_font": {"size": font}}
    figure.update_xaxes(type="log", title="eigenvalue λ", dtick=2, **ticks)
    for column, view in enumerate(shown, start=1):
        top = float(np.log10(view.probe.eigenvalues.max()))
        figure.update_xaxes(range=[top - DECADES, top + 0.15], col=column)
    if gain:
        figure.update_yaxes(type="log", range=np.log10(GAINS).tolist(), dtick=2, **ticks)
        figure.update_yaxes(title="gain, delivered/asked", col=1)
        levels = {1.0: "all of it"}
    else:
        figure.update_yaxes(range=[LOW, HIGH], dtick=1, **ticks)
        figure.update_yaxes(title="factor in one step", col=1)
        levels = {-1.0: "", 1.0: ""}
    for level in levels:
        figure.add_hline(level, line={"width": 1.5, "color": "#9BA1AA" if dark else "#7A7F87"})
