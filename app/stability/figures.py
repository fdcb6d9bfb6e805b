"""Figures of the Stability page: pure functions, data in, Plotly figure out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.charts.theme import DARK_LINES, line_style, template
from app.components.notation import number
from proxprop.analysis.filters import exact_gain, explicit_gain
from proxprop.analysis.spectra import LayerResponse

LOW, HIGH = -2.0, 1.25  # of the factors, as on the quadratic
GAINS = (1e-3, 1e3)
STEPS = ("explicit", "exact", "cg")
MAX_LAYERS = 6
DECADES = 5.0  # of the spectrum, from its largest; below, all factors are 1
LINES = {False: "#7A7F87", True: "#9BA1AA"}  # by whether the theme is dark
MUTED = {False: "#57606A", True: "#A5ADB8"}


def layers_figure(
    responses: Sequence[LayerResponse],
    *,
    gain: bool = False,
    dark: bool = False,
    lecture: bool = False,
) -> go.Figure:
    """Draw what each kind of step leaves, or delivers, over each layer's measured spectrum.

    Args:
        responses: The layers, at most `MAX_LAYERS` are drawn.
        gain: Draw the gain (delivered over requested) in place of the factor (left over).
        dark: Dark theme.
        lecture: Type of at least 18 pt and thick lines.
    """
    shown = list(responses)[:MAX_LAYERS]
    figure = make_subplots(
        1,
        len(shown),
        shared_yaxes=True,
        horizontal_spacing=0.02,
        subplot_titles=[_title(response, lecture) for response in shown],
    )
    for column, response in enumerate(shown, start=1):
        _panel(figure, response, column, gain=gain, dark=dark, lecture=lecture)
    _style(figure, shown, gain=gain, dark=dark, lecture=lecture)
    _words(figure, shown, gain=gain, dark=dark, lecture=lecture)
    return figure


def _panel(
    figure: go.Figure,
    response: LayerResponse,
    column: int,
    *,
    gain: bool,
    dark: bool,
    lecture: bool,
) -> None:
    values = response.layer.eigenvalues
    low = max(float(values.min()), float(values.max()) * 10**-DECADES)
    grid = np.geomspace(low, float(values.max()), 200)
    curves = {
        "explicit": (grid, explicit_gain(grid, response.tau)),
        "exact": (grid, exact_gain(grid, response.tau)),
        "cg": (values, response.gains["cg"]),
    }
    for step in STEPS:
        at, delivered = curves[step]
        figure.add_trace(
            _line(step, at, delivered if gain else 1 - delivered, response, dark, lecture),
            row=1,
            col=column,
        )
    muted = LINES[dark]
    figure.add_trace(
        go.Scatter(
            x=values.tolist(),
            y=[GAINS[0] * 1.5 if gain else LOW + 0.08] * len(values),
            mode="markers",
            marker={"symbol": "line-ns-open", "size": 9, "color": muted, "line": {"width": 1}},
            hovertemplate="eigenvalue %{x:.3g}<extra></extra>",
        ),
        row=1,
        col=column,
    )
    if (limit := _limit(response)) is not None:
        figure.add_vline(limit, line={"width": 1.5, "dash": "dot", "color": muted}, col=column)


def _limit(response: LayerResponse) -> float | None:
    """Return the eigenvalue 2/s past which an explicit step overshoots, if it is in the picture."""
    values = response.layer.eigenvalues
    low = max(float(values.min()), float(values.max()) * 10**-DECADES)
    limit = 2 / response.tau
    return limit if low < limit < 1.5 * float(values.max()) else None


def _line(
    step: str,
    at: np.ndarray,
    y: np.ndarray,
    response: LayerResponse,
    dark: bool,
    lecture: bool,
) -> go.Scatter:
    style = line_style(step)
    color = DARK_LINES.get(style.color, style.color) if dark else style.color
    return go.Scatter(
        x=at.tolist(),  # plain lists: the browser reads them too
        y=np.asarray(y).tolist(),
        name=step_name(step, response),
        meta=short_name(step, response),  # the browser writes it beside the line
        mode="lines+markers" if step == "cg" else "lines",
        line={"color": color, "dash": style.dash, "width": 5 if lecture else 2.5},
        marker={"size": 7 if lecture else 4},
        hovertemplate=f"{step_name(step, response)}: %{{y:.3g}} at λ = %{{x:.3g}}<extra></extra>",
    )


def step_name(step: str, response: LayerResponse) -> str:
    """Return what a step is called, with its settings."""
    tau = number(response.tau)
    names = {"explicit": f"explicit, s = {tau}", "exact": f"implicit (exact), τ = {tau}"}
    return names.get(step, f"implicit (CG {response.cg_steps})")


def short_name(step: str, response: LayerResponse) -> str:
    """Return what a step is called beside its line."""
    return {"explicit": "explicit", "exact": "implicit"}.get(step, f"CG {response.cg_steps}")


def _title(response: LayerResponse, lecture: bool) -> str:
    layer = response.layer
    words = "implicit" if layer.implicit else "explicit"
    limit = f"2/λ<sub>max</sub> = {number(layer.subproblem_limit, 2 if lecture else 3)}"
    if lecture:
        return f"<b>{layer.name}</b><br>{limit}"
    return f"<b>{layer.name}</b><br>{words} layer, {limit}"


def _style(
    figure: go.Figure,
    shown: list[LayerResponse],
    *,
    gain: bool,
    dark: bool,
    lecture: bool,
) -> None:
    font = 24 if lecture else 14
    figure.update_layout(
        template=template(dark),
        font={"size": font},
        margin={"l": 96 if lecture else 64, "r": 12, "t": 72 if lecture else 46, "b": 10},
        showlegend=False,
        hovermode="closest",
    )
    figure.update_annotations(font_size=font, yshift=-2)
    ticks = {"tickfont": {"size": 24 if lecture else 13}, "title_font": {"size": font}}
    figure.update_xaxes(type="log", title="eigenvalue λ", dtick=2, **ticks)
    for column, response in enumerate(shown, start=1):
        top = float(np.log10(response.layer.eigenvalues.max()))
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
        figure.add_hline(level, line={"width": 1.5, "color": LINES[dark]})


def _words(
    figure: go.Figure, shown: list[LayerResponse], *, gain: bool, dark: bool, lecture: bool
) -> None:
    font = {"size": 24 if lecture else 14, "color": MUTED[dark]}
    for column, response in enumerate(shown, start=1):
        limit = _limit(response)
        if limit is None:
            continue
        near = limit < 10 * float(response.layer.eigenvalues.max()) * 10**-DECADES
        figure.add_annotation(
            x=np.log10(limit),
            y=np.log10(GAINS[1]) - 0.6 if gain else LOW + 0.55,
            text=f"λ = 2/s = {number(limit, 2 if lecture else 3)}",
            xanchor="left" if near else "right",
            xshift=5 if near else -5,
            showarrow=False,
            font=font,
            row=1,
            col=column,
        )
    if gain or lecture:
        return
    for text, place in (("shrinks", "bottom"), ("grows", "top")):
        left = float(figure.layout.xaxis.range[0]) + 0.1
        figure.add_annotation(
            x=left, y=-1, text=text, xanchor="left", yanchor=place, showarrow=False, font=font,
            row=1, col=1,
        )  # fmt: skip
