"""Lines along training, bound to the series of live or finished runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import plotly.graph_objects as go

from app.charts.frame import Sizes, axis, framed, scatter, sizes

DIRECT = 4  # lines named at their ends; more get a legend
# What may stand on the horizontal axis: patches of it.
CLOCKS = {
    name: {
        "title": title,
        "tickformat": form if name == "step" else "",
        "hoverformat": form,
        "unifiedhovertitle": {"text": f"{name} %{{x}}"},
    }
    for name, title, form in (
        ("step", "step", ",d"),
        ("epoch", "epoch", ".3~f"),
        ("seconds", "training time [s]", ".3~s"),
    )
}
SPIKES: dict[str, Any] = {
    "showspikes": True,
    "spikemode": "across",
    "spikethickness": 1,
    "spikedash": "solid",
    "spikesnap": "data",
}


@dataclass(frozen=True)
class Trace:
    """One line, whose numbers the browser fills in as they come.

    Attributes:
        run: Id of the run the numbers come from.
        series: `<member>/<table>/<column>`, for example "0/steps/loss".
        label: What the line is called, at its end or in the legend.
        color: Hex colour for the light theme; the dark theme's partner is chosen by itself.
        dash: Plotly's dash name; repeats the distinction that the colour makes.
        width: Line width in pixels; lecture mode thickens it.
        faint: Context behind another line: thin, pale, without a name.
        markers: Show the points themselves, for sparse series.
        seeds: Series of every seed, if there are several: the line is then their mean, with a band
            of one standard deviation and the seeds themselves faintly; N joins the label.
        points: `<table>/<column>` → its numbers by "step", "epoch", "seconds" and "y", of a line
            that belongs to no run here; an axis without numbers is one it cannot be drawn by.
    """

    run: str
    series: str
    label: str
    color: str
    dash: str = "solid"
    width: float = 2.5
    faint: bool = False
    markers: bool = False
    seeds: tuple[str, ...] = ()
    points: Mapping[str, Mapping[str, list[Any]]] = field(default_factory=dict)

    def scatter(self, size: Sizes, hover: str, panel: int = 1) -> dict[str, Any]:
        """Return Plotly's trace; its `meta` binds it to the series.

        Args:
            size: Says how thick it is.
            hover: Plotly's template of what hovering says.
            panel: Number of its panel, from 1.
        """
        width = min(self.width, 1.2) if self.faint else self.width
        dash = "solid" if self.faint else self.dash
        return scatter(
            [],
            [],
            panel,
            name=self.label,
            mode="lines+markers" if self.markers else "lines",
            connectgaps=False,
            opacity=0.45 if self.faint else 1,
            line={"color": self.color, "dash": dash, "width": width * size.thick},
            marker={"size": 5 * size.thick},
            hovertemplate=hover,
            meta={
                "run": self.run,
                "series": self.series,
                "seeds": list(self.seeds),
                "label": "" if self.faint else self.label,
                **({"points": self.points} if self.points else {}),
            },
        )


@dataclass(frozen=True)
class Quantity:
    """One of several things a chart can show of the same runs, chosen by a button in it.

    Attributes:
        series: `<table>/<column>`, put in place of what the lines name after their member.
        name: Word on the button.
        title: The question the figure answers.
        y_title: Axis title with symbol and unit.
        log: Start with a logarithmic vertical axis.
        y_format: d3 format of hover values.
        target: Where the draggable target line stands; None for none.
        below: Whether the target is reached by falling to it, as a loss does.
    """

    series: str
    name: str
    title: str
    y_title: str
    log: bool = False
    y_format: str = ".3~g"
    target: float | None = None
    below: bool = True

    def as_data(self) -> dict[str, Any]:
        """Return what the browser reads."""
        looks = {"tickformat": ticks(self.y_format), "hover": hover(self.y_format)}
        return {**asdict(self), **looks}


def ticks(y_format: str) -> str:
    """Return how an axis writes values that hovering writes in `y_format`."""
    return ",.0%" if y_format.endswith("%") else ""


def hover(y_format: str) -> str:
    """Return what hovering says of a point."""
    return f"%{{y:{y_format}}}"


def curves(
    traces: Sequence[Trace],
    *,
    y_title: str,
    y_format: str = ".3~g",
    lecture: bool = False,
) -> go.Figure:
    """Return one panel of lines against step, epoch or seconds.

    Args:
        traces: Drawn in this order; up to four are named at their ends.
        y_title: Axis title with symbol and unit.
        y_format: d3 format of hover values, for example ".1%".
        lecture: Larger type and thicker lines.
    """
    size = sizes(lecture)
    named = {trace.label for trace in traces if not trace.faint}
    return framed(
        [trace.scatter(size, hover(y_format)) for trace in traces],
        {
            "xaxis": axis(size, **SPIKES),
            "yaxis": axis(size, y_title, tickformat=ticks(y_format)),
        },
        size,
        {"l": 4.9 * size.font, "r": 12, "t": 8, "b": 3.4 * size.font},
        clocks=CLOCKS,
        logs=[] if y_format.endswith("%") else ["yaxis"],  # a share needs no logarithm
        names="ends" if 0 < len(named) <= DIRECT else "legend",
        wide=480,
    )
