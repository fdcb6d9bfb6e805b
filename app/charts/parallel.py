"""Parallel coordinates: an axis a setting or result, a line a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from app.charts.frame import MUTED, Sizes, framed, scatter, segment, sizes
from app.charts.frame import axis as quiet_axis
from app.charts.theme import LineStyle
from app.components.notation import number

Value = float | str | None
HEAD, FOOT, HEIGHT = 34, 18, 320  # pixels
LONG = 9  # letters of what finds room beside a lying axis on one line
ROW, SIDE = 56, 62  # pixels from one lying axis to the next, and beside them
BESIDE = 70  # pixels beside standing ones
HALO = "rgba(255, 255, 255, 0.85)"  # behind words that lines run through: the page's own colour
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
    axes: Sequence[Axis], lines: Sequence[tuple[str, LineStyle]], *, narrow: bool = False
) -> go.Figure:
    """Return the figure; `layout.height` says how high it is drawn.

    Args:
        axes: From left to right.
        lines: Name and look of each.
        narrow: For a phone: the axes lie below each other, from the top down.
    """
    size = sizes(lecture=False)
    heights = [axis.places() for axis in axes]
    order = list(range(len(axes)))
    data = []
    for index, (name, style) in enumerate(lines):
        along = [places[index] for places in heights]
        data.append(
            scatter(
                along if narrow else order,
                order if narrow else along,
                name=name,
                mode="lines+markers",
                connectgaps=True,
                cliponaxis=False,
                line={"color": style.color, "dash": style.dash, "width": 2.4},
                customdata=[f"{axis.title}: {axis.text(axis.values[index])}" for axis in axes],
                hovertemplate="%{customdata}",
            )
        )
    words: list[dict[str, Any]] = []
    shapes = []
    for place, axis in enumerate(axes):
        words += _lying(place, axis) if narrow else _standing(place, axis, place == len(axes) - 1)
        ends, at = (0, 1), (place, place)
        shapes.append(segment(1, x=ends if narrow else at, y=at if narrow else ends, dash="solid"))
    layout = {
        "hovermode": "closest",
        "annotations": words,
        "shapes": shapes,
        **(_narrow_layout(len(axes), size) if narrow else _wide_layout(axes, size)),
    }
    side = SIDE if narrow else BESIDE
    return framed(data, layout, size, {"l": side, "r": side, "t": HEAD, "b": FOOT})


def _wide_layout(axes: Sequence[Axis], size: Sizes) -> dict[str, Any]:
    across: dict[str, Any] = {
        "tickvals": list(range(len(axes))),
        "ticktext": [axis.title.replace(" ", "<br>", 1) for axis in axes],
        "range": [0, max(1, len(axes) - 1)],
        "side": "top",
        "showgrid": False,
        "fixedrange": True,
    }
    return {
        "height": HEIGHT,
        "xaxis": quiet_axis(size, **across),
        "yaxis": quiet_axis(size, visible=False, range=[-0.08, 1.12], fixedrange=True),
    }


def _narrow_layout(count: int, size: Sizes) -> dict[str, Any]:
    unseen: dict[str, Any] = {"visible": False, "fixedrange": True}
    return {
        "height": HEAD + FOOT + ROW * max(1, count - 1),
        "xaxis": quiet_axis(size, range=[0, 1], **unseen),
        "yaxis": quiet_axis(size, range=[count - 1, 0], **unseen),
    }


def _word(text: str, x: float, y: float, **look: Any) -> dict[str, Any]:
    return {"text": text, "x": x, "y": y, "xref": "x", "yref": "y", "showarrow": False, **look}


def _standing(place: int, axis: Axis, last: bool) -> Iterator[dict[str, Any]]:
    """Return what is written along an upright axis, beside it."""
    side = {"xshift": -7, "xanchor": "right"} if last else {"xshift": 7, "xanchor": "left"}
    for height, text in axis.marks().items():
        yield _word(text, place, height, yshift=9, opacity=MUTED, font={"size": 12}, **side)


def _lying(place: int, axis: Axis) -> Iterator[dict[str, Any]]:
    """Return the title over the middle of an axis from left to right, and its ends beside it."""
    bold = {"yanchor": "bottom", "yshift": 3, "font": {"size": 13}, "bgcolor": HALO}
    yield _word(f"<b>{axis.title}</b>", 0.5, place, **bold)
    for share, text in axis.marks().items():
        beside = {0.0: ("right", -7), 1.0: ("left", 7)}.get(share)
        anchor, shift = beside or ("center", 0)
        if beside and len(text) > LONG:
            text = text.replace(" ", "<br>", 1)
        below = {"yanchor": "middle"} if beside else {"yanchor": "top", "yshift": -4}
        halo = {} if beside else {"bgcolor": HALO}
        look = {"xanchor": anchor, "xshift": shift, "opacity": MUTED, "font": {"size": 12}}
        yield _word(text, share, place, **look, **below, **halo)
