"""Parallel coordinates: an axis a setting or result, a line a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from app.charts.theme import DARK_LINES, PALETTES, LineStyle, template
from app.components.notation import number

Value = float | str | None
HEAD, FOOT, HEIGHT = 34, 18, 320  # pixels
LONG = 9  # letters of what finds room beside a lying axis on one line
ROW, SIDE = 56, 62  # pixels from one lying axis to the next, and beside them
# Behind words that lines run through: the page's own colour, a little transparent.
HALO = {"light": "rgba(255, 255, 255, 0.85)", "dark": "rgba(20, 23, 28, 0.85)"}
WIDE = 20.0  # the largest over the smallest value from which an axis is logarithmic


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        title: What it shows.
        values: One a line: numbers, or words that have no order; None where a line has none.
        log: Whether it may be logarithmic.
        percent: Whether numbers are shares.
    """

    title: str
    values: tuple[Value, ...]
    log: bool = False
    percent: bool = False

    def text(self, value: Value) -> str:
        """Return a value as it is written."""
        if value is None or isinstance(value, str):
            return value or "–"
        if not math.isfinite(value):
            return "not finite"
        return f"{100 * value:.1f} %" if self.percent else number(value)

    def places(self) -> list[float | None]:
        """Return how high each line meets the axis, 0 to 1; None where it does not."""
        if any(isinstance(value, str) for value in self.values):
            words = list(dict.fromkeys(value for value in self.values if isinstance(value, str)))
            return [
                words.index(value) / max(1, len(words) - 1) if isinstance(value, str) else None
                for value in self.values
            ]
        known = [float(v) for v in self.values if v is not None and math.isfinite(float(v))]
        if not known:
            return [None] * len(self.values)
        logarithmic = self.log and min(known) > 0 and max(known) >= WIDE * min(known)
        scaled = [math.log(v) for v in known] if logarithmic else known
        low, span = min(scaled), (max(scaled) - min(scaled)) or 1.0
        rest = iter(scaled)
        return [
            (next(rest) - low) / span if v is not None and math.isfinite(float(v)) else None
            for v in self.values
        ]

    def marks(self) -> dict[float, str]:
        """Return what is written along the axis, by height."""
        pairs = [(p, self.text(v)) for p, v in zip(self.places(), self.values) if p is not None]
        if any(isinstance(value, str) for value in self.values):
            return dict(pairs)
        return dict([min(pairs), max(pairs)]) if pairs else {}


def parallel(
    axes: Sequence[Axis],
    lines: Sequence[tuple[str, LineStyle]],
    *,
    dark: bool = False,
    narrow: bool = False,
) -> go.Figure:
    """Return the figure.

    Args:
        axes: From left to right.
        lines: Name and look of each.
        dark: For the dark theme.
        narrow: For a phone: the axes lie below each other, from the top down.
    """
    shades, greys = DARK_LINES if dark else {}, PALETTES["dark" if dark else "light"]
    figure = go.Figure()
    heights = [axis.places() for axis in axes]
    order = list(range(len(axes)))
    for index, (name, style) in enumerate(lines):
        along = [places[index] for places in heights]
        figure.add_scatter(
            x=along if narrow else order,
            y=order if narrow else along,
            name=name,
            mode="lines+markers",
            connectgaps=True,
            cliponaxis=False,
            line={
                "color": shades.get(style.color, style.color),
                "dash": style.dash,
                "width": 2.4,
            },
            customdata=[f"{axis.title}: {axis.text(axis.values[index])}" for axis in axes],
            hovertemplate="%{customdata}",
        )
    for place, axis in enumerate(axes):
        if narrow:
            _lying(figure, place, axis, greys, HALO["dark" if dark else "light"])
        else:
            _standing(figure, place, axis, greys, place == len(axes) - 1)
    figure.update_layout(
        template=template(dark),
        showlegend=False,
        hovermode="closest",
        **(_narrow_layout(axes) if narrow else _wide_layout(axes)),
    )
    return figure


def _standing(figure: go.Figure, place: int, axis: Axis, greys: dict[str, str], last: bool) -> None:
    """Draw an axis upright; what is written along it stands beside it."""
    line = {"color": greys["line"], "width": 1}
    figure.add_shape(type="line", x0=place, x1=place, y0=0, y1=1, layer="below", line=line)
    for height, text in axis.marks().items():
        figure.add_annotation(
            x=place, y=height, text=text, showarrow=False, xshift=-7 if last else 7,
            xanchor="right" if last else "left", yshift=9,
            font={"size": 12, "color": greys["muted"]},
        )  # fmt: skip


def _lying(figure: go.Figure, place: int, axis: Axis, greys: dict[str, str], halo: str) -> None:
    """Draw an axis from left to right, its title over its middle and its ends beside it."""
    line = {"color": greys["line"], "width": 1}
    figure.add_shape(type="line", x0=0, x1=1, y0=place, y1=place, layer="below", line=line)
    figure.add_annotation(
        x=0.5, y=place, text=f"<b>{axis.title}</b>", showarrow=False, yanchor="bottom", yshift=3,
        font={"size": 13}, bgcolor=halo,
    )  # fmt: skip
    for share, text in axis.marks().items():
        beside = {0.0: ("right", -7), 1.0: ("left", 7)}.get(share)
        anchor, shift = beside or ("center", 0)
        if beside and len(text) > LONG:
            text = text.replace(" ", "<br>", 1)
        figure.add_annotation(
            x=share, y=place, text=text, showarrow=False, xanchor=anchor, xshift=shift,
            yanchor="middle" if beside else "top", yshift=0 if beside else -4,
            font={"size": 12, "color": greys["muted"]}, bgcolor=None if beside else halo,
        )  # fmt: skip


def _wide_layout(axes: Sequence[Axis]) -> dict[str, Any]:
    return {
        "height": HEIGHT,
        "margin": {"l": 70, "r": 70, "t": HEAD, "b": FOOT},
        "xaxis": {
            "tickvals": list(range(len(axes))),
            "ticktext": [axis.title.replace(" ", "<br>", 1) for axis in axes],
            "side": "top",
            "showgrid": False,
            "zeroline": False,
            "tickangle": 0,
            "fixedrange": True,
        },
        "yaxis": {"visible": False, "range": [-0.08, 1.12], "fixedrange": True},
    }


def _narrow_layout(axes: Sequence[Axis]) -> dict[str, Any]:
    return {
        "height": HEAD + FOOT + ROW * max(1, len(axes) - 1),
        "margin": {"l": SIDE, "r": SIDE, "t": HEAD, "b": FOOT},
        "xaxis": {"visible": False, "range": [0, 1], "fixedrange": True},
        "yaxis": {"visible": False, "range": [len(axes) - 1, 0], "fixedrange": True},
    }
