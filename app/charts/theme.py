"""The one palette: which colour and dash means what, in the light and the dark theme.

Okabe–Ito colours, told apart by people with any common colour vision: explicit steps are warm,
implicit ones cool, everything else grey.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
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


# What is no contender, in each theme: type, grids, limits; and which lines change their colour.
PALETTES: dict[str, dict[str, Any]] = {
    "light": {
        **{"text": "#1F2328", "muted": "#57606A", "grid": "#E6E8EB", "line": "#8B929B"},
        "lines": {},
    },
    "dark": {
        **{"text": "#E6EAF0", "muted": "#A5ADB8", "grid": "#2A3038", "line": "#6B7480"},
        "lines": DARK_LINES,
    },
}


# Below zero, zero and above, where neither side is explicit or implicit: as in slow motion.
SIGNED = {
    "light": [[0, "#762A83"], [0.5, "#F7F7F7"], [1, "#1B7837"]],
    "dark": [[0, "#C284CD"], [0.5, "#1D2229"], [1, "#68C484"]],
}
# From neutral (1) to 2, 10, 100 and 10,000 times too far, or not far enough.
WARM_COOL = {
    "light": ("#F3F3F1", "#F6C7A2 #EC9350 #D55E00 #6B2A00", "#B3D5EB #62A9D6 #0072B2 #00304F"),
    "dark": ("#262C34", "#6B3B1E #B5581B #EF7A2A #FFD9BC", "#224A68 #2B77AD #3D9BDC #C9E6FF"),
}
STOPS = (math.log10(2), 1.0, 2.0, 4.0)  # decades from 1


def diverging(theme: str) -> list[list[Any]]:
    """Return Plotly's scale of ratios: from −4 to 4 decades, cool below 1 and warm above."""
    neutral, warm, cool = WARM_COOL[theme]
    sides = [(-at, color) for at, color in zip(STOPS, cool.split())][::-1]
    stops = [*sides, (0.0, neutral), *zip(STOPS, warm.split())]
    return [[0.5 + at / (2 * STOPS[-1]), color] for at, color in stops]


def template(dark: bool) -> go.layout.Template:
    """Return the Plotly template of the light or the dark theme."""
    greys = PALETTES["dark" if dark else "light"]
    axis = {
        "gridcolor": greys["grid"],
        "zerolinecolor": greys["line"],
        "linecolor": greys["grid"],
        "spikecolor": greys["line"],
        "tickfont": {"color": greys["muted"]},
        "title": {"font": {"color": greys["text"]}},
        "automargin": True,
        "exponentformat": "power",
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 14, "color": greys["text"]},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": [BLUE, VERMILION, SKY, ORANGE, GREEN, PURPLE],
            "xaxis": axis,
            "yaxis": axis,
            "margin": {"l": 64, "r": 16, "t": 40, "b": 52},
            "hoverlabel": {"font": {"family": FONT, "size": 13}, "bordercolor": greys["grid"]},
            "legend": {"orientation": "v", "x": 1.02, "y": 1},
            "coloraxis": {"colorscale": diverging("dark" if dark else "light")},
            "shapedefaults": {"line": {"color": greys["line"]}},
        }
    )
