"""The one palette: which colour and dash means what, in the light and the dark theme.

Okabe–Ito colours, told apart by people with any common colour vision: explicit steps are warm,
implicit ones cool, everything else grey.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import plotly.graph_objects as go

VERMILION = "#D55E00"
ORANGE = "#E69F00"
BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
PURPLE = "#CC79A7"
YELLOW = "#F0E442"
GREY = "#7A7F87"
# For contenders that would otherwise look alike; at least 3:1 on white and on the dark theme.
TEAL = "#2A97A0"
INDIGO = "#7073CF"
OCHRE = "#A97420"
ROSE = "#C2577F"

# Lines keep at least 3:1 against the dark background; hues stay.
DARK_LINES = {BLUE: "#3D9BDC", GREEN: "#1FBF91", VERMILION: "#EF7A2A", GREY: "#9BA1AA"}

# Classes of a data set are no contenders: they take the palette in an order of their own.
CLASS_COLORS = (BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW, GREY, "#8C6BB1", "#A6761D")

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'

ADAM_LIKE = frozenset(
    {"adam", "adamw", "nadam", "radam", "adamax", "adagrad", "adadelta", "rmsprop", "adafactor"}
)


@dataclass(frozen=True)
class LineStyle:
    """How one contender looks on every chart.

    Attributes:
        color: Hex colour for the light theme.
        dash: Plotly's dash name; solid and long dashes are implicit, short ones explicit.
    """

    color: str
    dash: str


def line_style(solver: str, optimizer: str = "sgd") -> LineStyle:
    """Return colour and dash of a direction paired with an optimizer.

    Args:
        solver: "explicit", "exact" or "cg".
        optimizer: Key of `proxprop.spec.catalog.optimizers.OPTIMIZERS`.

    Raises:
        ValueError: If `solver` is unknown.
    """
    adaptive = optimizer in ADAM_LIKE
    if solver == "explicit":
        return LineStyle(ORANGE, "dot") if adaptive else LineStyle(VERMILION, "dash")
    if solver == "exact":
        return LineStyle(GREEN if adaptive else BLUE, "solid")
    if solver == "cg":
        return LineStyle(GREEN if adaptive else SKY, "longdash")
    raise ValueError(f"solver must be 'explicit', 'exact' or 'cg', got {solver!r}")


@dataclass(frozen=True)
class Greys:
    """What is no contender, in one theme: type, grids, limits."""

    text: str
    muted: str
    grid: str
    line: str


GREYS = {
    "light": Greys(text="#1F2328", muted="#57606A", grid="#E6E8EB", line="#8B929B"),
    "dark": Greys(text="#E6EAF0", muted="#A5ADB8", grid="#2A3038", line="#6B7480"),
}
# All that a component of our own needs to know of the themes.
PALETTES: dict[str, dict[str, Any]] = {
    "light": {**asdict(GREYS["light"]), "lines": {}},
    "dark": {**asdict(GREYS["dark"]), "lines": DARK_LINES},
}


def template(dark: bool) -> go.layout.Template:
    """Return the Plotly template of the light or the dark theme."""
    greys = GREYS["dark" if dark else "light"]
    axis = {
        "gridcolor": greys.grid,
        "zerolinecolor": greys.line,
        "linecolor": greys.grid,
        "spikecolor": greys.line,
        "tickfont": {"color": greys.muted},
        "title": {"font": {"color": greys.text}},
        "automargin": True,
        "exponentformat": "power",
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 14, "color": greys.text},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": [BLUE, VERMILION, SKY, ORANGE, GREEN, PURPLE],
            "xaxis": axis,
            "yaxis": axis,
            "margin": {"l": 64, "r": 16, "t": 40, "b": 52},
            "hoverlabel": {"font": {"family": FONT, "size": 13}, "bordercolor": greys.grid},
            "legend": {"orientation": "v", "x": 1.02, "y": 1},
            "shapedefaults": {"line": {"color": greys.line}},
        }
    )
