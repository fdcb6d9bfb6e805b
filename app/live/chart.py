"""A chart that grows in place while its runs go on: zoom and hidden traces survive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from app.charts.theme import DARK_LINES
from app.live.assets import plotly_url
from app.live.component import mount

XAxis = Literal["step", "epoch", "seconds"]
TOOLBAR = 44  # pixels above the plot: title, axis buttons, export


@dataclass(frozen=True)
class Trace:
    """One line of a live chart.

    Attributes:
        run: Id of the run the numbers come from.
        series: `<member>/<table>/<column>`, for example "0/steps/loss".
        label: What the line is called, at its end or in the legend.
        color: Hex colour for the light theme; the dark theme's partner is chosen by itself.
        dash: Plotly's dash name; repeats the distinction that the colour makes.
        width: Line width in pixels; lecture mode thickens it.
        faint: Context behind another line: thin, pale, without a label.
        markers: Show the points themselves, for sparse series.
        yaxis: "y2" for a second axis on the right.
        seeds: Series of every seed, if there are several: the line is then their mean, with a band
            of one standard deviation and the seeds themselves faintly; N joins the label.
    """

    run: str
    series: str
    label: str
    color: str
    dash: str = "solid"
    width: float = 2.5
    faint: bool = False
    markers: bool = False
    yaxis: Literal["y", "y2"] = "y"
    seeds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quantity:
    """One of several things a chart can show of the same runs, chosen by a button in it.

    Attributes:
        series: `<table>/<column>`, put in place of what the traces name after their member.
        name: Word on the button.
        title: The question the figure answers.
        y_title: Axis title with symbol and unit.
        log_y: Start with a logarithmic vertical axis.
        y_format: d3 format of hover values.
        target: Where the draggable target line stands; None for none.
        below: Whether the target is reached by falling to it, as a loss does.
    """

    series: str
    name: str
    title: str
    y_title: str
    log_y: bool = False
    y_format: str = ".3~g"
    target: float | None = None
    below: bool = True

    def as_data(self) -> dict[str, Any]:
        """Return what the browser reads."""
        return {
            "series": self.series,
            "name": self.name,
            "title": self.title,
            "yTitle": self.y_title,
            "logY": self.log_y,
            "yFormat": self.y_format,
            "target": self.target,
            "below": self.below,
        }


def live_chart(
    traces: Sequence[Trace],
    *,
    key: str,
    title: str,
    y_title: str,
    x: XAxis = "step",
    x_switch: bool = True,
    log_y: bool = False,
    height: int = 380,
    fill: int = 0,
    show_marks: bool = True,
    lecture: bool = False,
    y2_title: str = "",
    y_format: str = ".3~g",
    empty: str = "Press Start: the curve appears here as the run goes on.",
    quantities: Sequence[Quantity] = (),
    quantity: str = "",
    smoothing: float = 0.0,
    smooth: bool = False,
    on_target: Callable[[], None] | None = None,
    on_view: Callable[[], None] | None = None,
) -> None:
    """Draw `traces` and keep drawing as their runs go on, without rerunning the page.

    What the person chooses in the chart (zoom, axis, logarithmic scale, hidden traces) belongs to
    `key` and survives updates and reruns.

    Args:
        traces: Lines, drawn in this order; up to four are labelled at their ends.
        key: Identity of the chart on the page.
        title: The question the figure answers, or its answer.
        y_title: Axis title with symbol and unit.
        x: Horizontal axis shown first.
        x_switch: Offer buttons for step, epoch and seconds.
        log_y: Start with a logarithmic vertical axis.
        height: Pixels of the whole component, toolbar included.
        fill: Pixels of the window that the rest of the page takes: the chart grows into what is
            left; 0 keeps it at `height`.
        show_marks: Draw live changes as labelled vertical lines.
        lecture: Larger type and thicker lines.
        y2_title: Title of the right axis, if a trace uses it.
        y_format: d3 format of hover values, for example ".1%".
        empty: What to do next, shown while there is nothing to draw.
        quantities: What the person may look at; its title and axis replace the ones above.
        quantity: Series of the quantity shown; the first if empty.
        smoothing: Epochs of the causal running mean that a button switches on; 0 for no button.
        smooth: Whether it is on.
        on_target: Called once a dragged target is let go; `st.session_state[key].aimed` then holds
            `quantity` and `value`.
        on_view: Called when quantity, axis, scale or smoothing change; the page then owns them, so
            that they can be in its link. `st.session_state[key].looked` holds `quantity`, `x`,
            `log` and `smooth`.
    """
    data = {
        "plotly": plotly_url(),
        "traces": [asdict(trace) for trace in traces],
        "title": title,
        "yTitle": y_title,
        "y2Title": y2_title,
        "yFormat": y_format,
        "x": x,
        "xSwitch": x_switch,
        "logY": log_y,
        "height": height,
        "fill": fill,
        "showMarks": show_marks,
        "lecture": lecture,
        "empty": empty,
        "darkLines": DARK_LINES,
        "quantities": [quantity.as_data() for quantity in quantities],
        "quantity": quantity or (quantities[0].series if quantities else ""),
        "smoothing": smoothing,
        "smooth": smooth,
        "tells": on_view is not None,
    }
    events: dict[str, Any] = {}
    if data["tells"]:
        events = {
            "on_aimed_change": on_target or _nothing,
            "on_looked_change": on_view or _nothing,
        }
    mount("chart", data, key=key, height=None if fill else height, **events)


def _nothing() -> None:
    """Hear a trigger that nobody asked for."""


def preload() -> None:
    """Fetch the chart library while the page is idle, so that the first point is drawn at once."""
    mount("preload", {"plotly": plotly_url()}, key="preload", height=1)
