"""What steps do to the activations: a strip of layers by steps for each run, and the present step.

Colour is the change made over the change asked, on one scale for all runs: 1 is neutral, overshoots
are warm, undershoots cool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from app.charts.frame import axis, framed, heading, of, sizes
from app.charts.theme import GREY

DECADES = 4  # of the scale, to either side of 1
SHARES = (0.72, 0.28)  # of the width: the strip, the present step
WIDEST = 1.3  # exponents at which the present step's axis ends
SMALLEST = -5.0
EDGE = {"color": GREY, "width": 1}  # near 1 the colour is the background's


@dataclass(frozen=True)
class Strip:
    """One run's part of the picture.

    Attributes:
        run: Id of the run.
        layers: Its layers from the top down, by name.
        implicit: Which of them take implicit steps.
        label: What stands above it; empty where it stands alone.
        member: Which contender of the run it is.
    """

    run: str
    layers: tuple[str, ...]
    implicit: tuple[str, ...]
    label: str = ""
    member: int = 0

    def traces(self, panel: int) -> list[dict[str, Any]]:
        """Return a row of cells and two bars for each layer, in this panel and the next."""
        traces: list[dict[str, Any]] = []
        for row, layer in enumerate(self.layers):
            place = {"xaxis": of("x", panel), "yaxis": of("y", panel)}
            beside = {"xaxis": of("x", panel + 1), "yaxis": of("y", panel + 1)}
            words = f"step %{{x}}, {layer}: %{{text}} times what was asked<extra></extra>"
            reach = self._bound(layer, "reach_all")
            traces.append(
                {
                    **{"type": "heatmap", "name": layer, "meta": reach, **place},
                    **{"x": [], "y": [row], "z": [], "coloraxis": "coloraxis", "ygap": 2},
                    "hovertemplate": words,
                }
            )
            for measure, name, shift in (("asked", "asked", -0.2), ("made_all", "made", 0.2)):
                over = {"over": reach["series"]} if name == "made" else {}
                marker = {"line": EDGE} if over else {"color": GREY}
                traces.append(
                    {
                        **{"type": "bar", "orientation": "h", "name": name, **beside},
                        **{"x": [], "y": [row + shift], "width": 0.36, "marker": marker},
                        "meta": {**self._bound(layer, measure), **over},
                        "showlegend": False,
                        "hovertemplate": f"{layer}, {name}: %{{x:.3%}}<extra></extra>",
                    }
                )
        return traces

    def _bound(self, layer: str, measure: str) -> dict[str, Any]:
        series = f"{self.member}/layers/{measure}/{layer}"
        return {"run": self.run, "series": series, "seeds": [], "label": ""}

    @property
    def names(self) -> list[str]:
        """What stands beside its rows."""
        explicit = set(self.layers) - set(self.implicit) if self.implicit else ()
        return [f"{name} (explicit)" if name in explicit else name for name in self.layers]


def strips(shown: Sequence[Strip], *, lecture: bool = False) -> go.Figure:
    """Return the strips below each other, each with its present step beside it.

    Args:
        shown: At least one.
        lecture: Larger type.
    """
    size = sizes(lecture)
    layout: dict[str, Any] = {"annotations": [], "hovermode": "closest", "barmode": "overlay"}
    for index, strip in enumerate(shown):
        panel, last = 2 * index + 1, index == len(shown) - 1
        rows: dict[str, Any] = {
            "range": [len(strip.layers) - 0.5, -0.5],
            "showgrid": False,
            "fixedrange": True,
        }
        names: dict[str, Any] = {
            "tickvals": list(range(len(strip.layers))),
            "ticktext": strip.names,
        }
        first: dict[str, Any] = {"matches": "x"} if index else {}
        layout[of("xaxis", panel)] = axis(
            size,
            "step" if last and not lecture else "",
            anchor=of("y", panel),
            showticklabels=last,
            **first,
        )
        layout[of("yaxis", panel)] = axis(size, anchor=of("x", panel), **rows, **names)
        layout[of("xaxis", panel + 1)] = axis(
            size,
            "change ‖Δz‖ / ‖z‖" if last and not lecture else "",
            anchor=of("y", panel + 1),
            type="log",
            range=[SMALLEST, WIDEST],
            fixedrange=True,
            tickvals=[1e-4, 1e-2, 1][lecture:],
            ticktext=["0.01 %", "1 %", "100 %"][lecture:],
            showticklabels=last,
        )
        layout[of("yaxis", panel + 1)] = axis(
            size, anchor=of("x", panel + 1), showticklabels=False, **rows
        )
        said = strip.label or "change made over change asked" * lecture
        layout["annotations"].append(heading(said, panel, size.font))
        if not index:
            layout["annotations"].append(heading("asked · made", panel + 1, size.font))
    layout["coloraxis"] = {
        "cmin": -DECADES,
        "cmax": DECADES,
        "colorbar": {
            "title": {
                "text": "" if lecture else "made / asked",
                "side": "right",
                "font": {"size": size.font - 1},
            },
            **{
                "x": 0.99 if lecture else 1,
                "xanchor": "right",
                "xpad": 0,
                "y": 1,
                "yanchor": "top",
                "ypad": 0,
            },
            **{"thickness": 12, "len": 1, "outlinewidth": 0},
            "tickvals": [-2, 0, 2],
            "ticktext": ["0.01", "1", "100"],
            "tickfont": {"size": size.tick},
        },
    }
    widest = max(len(name) for strip in shown for name in strip.names)
    margin = {"l": 0.56 * size.tick * widest + 14, "r": (6.2 if lecture else 5.6) * size.font}
    return framed(
        [trace for index, strip in enumerate(shown) for trace in strip.traces(2 * index + 1)],
        layout,
        size,
        {**margin, "t": 1.7 * size.font, "b": (1.8 if lecture else 3.3) * size.font},
        columns=2,
        shares=list(SHARES),
        gap=[1.2 * size.font, 1.9 * size.font],
        names="legend",
        above=True,
    )


def height(shown: Sequence[Strip], *, lecture: bool = False) -> int:
    """Return the pixels that strips take, with buttons and axes; a room sees fewer of both."""
    rows = sum(len(strip.layers) for strip in shown)
    font, frame, row = (23, 4.0, 1.25) if lecture else (sizes(False).font, 8.6, 1.75)
    return round(font * (frame + row * rows + 1.9 * (len(shown) - 1)))
