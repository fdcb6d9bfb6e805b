"""What each kind of step leaves, or delivers, over the measured spectra of layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.charts.frame import MUTED, Sizes, axis, framed, heading, note, of, scatter, segment
from app.charts.theme import GREY, line_style
from app.components.notation import number
from proxprop.analysis.filters import exact_gain, explicit_gain
from proxprop.analysis.spectra import LayerResponse
from proxprop.spec.catalog.optimizers import solver_label

LOW, HIGH = -2.0, 1.25  # of the factors, as on the quadratic
GAINS = (1e-3, 1e3)
MAX_LAYERS = 6
MARKS = 60  # of a line's eigenvalues, at most
DECADES = 5.0  # of the spectrum, from its largest; below, all factors are 1
LECTURE, DESK = Sizes(24, 24, 2), Sizes(14, 13, 1)
GROW = {False: 1.2, True: 1.5}  # how far type grows with the window, by lecture


def layers_figure(
    responses: Sequence[LayerResponse], *, gain: bool = False, lecture: bool = False
) -> go.Figure:
    """Draw what each kind of step leaves, or delivers, over each layer's measured spectrum.

    Args:
        responses: The layers, at most `MAX_LAYERS` are drawn.
        gain: Draw the gain (delivered over requested) in place of the factor (left over).
        lecture: Type of at least 18 pt and thick lines.
    """
    shown = list(responses)[:MAX_LAYERS]
    size = LECTURE if lecture else DESK
    layout: dict[str, Any] = {"hovermode": "closest", "annotations": [], "shapes": []}
    data: list[dict[str, Any]] = []
    for panel, response in enumerate(shown, start=1):
        data += _lines(response, panel, gain, size)
        layout[of("xaxis", panel)] = _across(response, panel, size)
        layout[of("yaxis", panel)] = _up(panel, gain, size)
        layout["annotations"].append(
            heading(_title(response, lecture), panel, size.font, middle=True)
        )
        layout["shapes"] += [
            segment(panel, y=(at, at), dash="solid", width=1.5) for at in ([1] if gain else [-1, 1])
        ]
        _limit_line(layout, response, panel, gain, 2 if lecture else 3)
    if shown and not (gain or lecture):
        for text, side in (("shrinks", "bottom"), ("grows", "top")):
            place = {"x": 0.02, "y": -1, "yref": "y", "xanchor": "left", "yanchor": side}
            layout["annotations"].append(note(text, 1, opacity=MUTED, **place))
    return framed(
        data,
        layout,
        size,
        {"l": 96 if lecture else 64, "r": 12, "t": 78 if lecture else 50, "b": 3.2 * size.font},
        columns=len(shown),
        gap=[24, 50 + 3.2 * size.font],
        stack=720,
        names="along",
        grow=GROW[lecture],
        csv=["eigenvalue", "gain" if gain else "factor"],
    )


def _lines(
    response: LayerResponse, panel: int, gain: bool, size: Sizes
) -> Iterator[dict[str, Any]]:
    values = response.layer.eigenvalues
    grid = np.geomspace(_lowest(response), float(values.max()), 200)
    for step, at, delivered in (
        ("explicit", grid, explicit_gain(grid, response.tau)),
        ("exact", grid, exact_gain(grid, response.tau)),
        ("cg", values, response.gains["cg"]),
    ):
        style = line_style(step)
        name = step_name(step, response)
        yield scatter(
            at.tolist(),  # plain lists: the browser reads them too
            np.asarray(delivered if gain else 1 - delivered).tolist(),
            panel,
            name=name,
            mode="lines+markers" if step == "cg" else "lines",
            line={"color": style.color, "dash": style.dash, "width": 2.5 * size.thick},
            marker={"size": 7 if size.thick > 1 else 4, "maxdisplayed": MARKS},
            hovertemplate=f"{name}: %{{y:.3g}} at λ = %{{x:.3g}}<extra></extra>",
            meta={
                "label": short_name(step, response),  # the browser writes it beside the line
                "about": {"layer": response.layer.name, "step": short_name(step, response)},
            },
        )
    # All in one path: a picture of hundreds of marks is slow to draw.
    foot, head = (GAINS[0] * 1.1, GAINS[0] * 2) if gain else (LOW + 0.02, LOW + 0.14)
    yield scatter(
        [x for value in values.tolist() for x in (value, value, None)],
        [foot, head, None] * len(values),
        panel,
        mode="lines",
        line={"color": GREY, "width": 1},
        hovertemplate="eigenvalue %{x:.3g}<extra></extra>",
    )


def _lowest(response: LayerResponse) -> float:
    values = response.layer.eigenvalues
    return max(float(values.min()), float(values.max()) * 10**-DECADES)


def _across(response: LayerResponse, panel: int, size: Sizes) -> dict[str, Any]:
    top = float(np.log10(response.layer.eigenvalues.max()))
    ends = [top - DECADES, top + 0.15]
    return axis(size, "eigenvalue λ", anchor=of("y", panel), type="log", dtick=2, range=ends)


def _up(panel: int, gain: bool, size: Sizes) -> dict[str, Any]:
    kind: dict[str, Any] = {"range": [LOW, HIGH], "dtick": 1}
    if gain:
        kind = {"type": "log", "range": np.log10(GAINS).tolist(), "dtick": 2}
    if panel > 1:
        return axis(size, anchor=of("x", panel), matches="y", showticklabels=False, **kind)
    return axis(size, "gain, delivered/asked" if gain else "factor in one step", **kind)


def _limit_line(
    layout: dict[str, Any], response: LayerResponse, panel: int, gain: bool, digits: int
) -> None:
    """Mark the eigenvalue 2/s past which an explicit step overshoots, if it is in the picture."""
    low, high, limit = _lowest(response), float(response.layer.eigenvalues.max()), 2 / response.tau
    if not low < limit < 1.5 * high:
        return
    layout["shapes"].append(segment(panel, x=(limit, limit), width=1.5))
    near = limit < 10 * high * 10**-DECADES
    layout["annotations"].append(
        note(
            f"λ = 2/s = {number(limit, digits)}",
            panel,
            x=np.log10(limit),
            xref=of("x", panel),
            y=0.9 if gain else 0.17,
            xanchor="left" if near else "right",
            xshift=5 if near else -5,
            opacity=MUTED,
        )
    )


def step_name(step: str, response: LayerResponse) -> str:
    """Return what a step is called, with its settings."""
    tau = number(response.tau)
    settings = {"explicit": f", s = {tau}", "exact": f", τ = {tau}"}
    return solver_label(step, response.cg_steps) + settings.get(step, "")


def short_name(step: str, response: LayerResponse) -> str:
    """Return what a step is called beside its line."""
    return {"explicit": "explicit", "exact": "implicit"}.get(step, f"CG {response.cg_steps}")


def _title(response: LayerResponse, lecture: bool) -> str:
    layer = response.layer
    kind = "implicit" if layer.implicit else "explicit"
    limit = f"2/λ<sub>max</sub> = {number(layer.subproblem_limit, 2 if lecture else 3)}"
    if lecture:
        return f"<b>{layer.name}</b><br>{limit}"
    return f"<b>{layer.name}</b><br>{kind} layer, {limit}"
