"""Figures on the page: drawn in place, live or recorded; zoom and hidden lines survive."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st

from app.charts.curves import Quantity, Trace, curves
from app.charts.theme import template
from app.live.assets import plotly_url
from app.live.component import mount
from app.live.widgets import widget_urls

BAR = 32  # pixels of the buttons above a figure
XAxis = Literal["step", "epoch", "seconds"]


def show_figure(
    figure: go.Figure,
    *,
    key: str,
    title: str,
    height: int = 380,
    fill: int = 0,
    below: int = 0,
    widest: str = "100vh",
    lecture: bool = False,
    empty: str = "Press Start: the curve appears here as the run goes on.",
    help: str = "",
    **behaviour: Any,
) -> Any:
    """Draw `figure` and keep drawing as the runs its lines are bound to go on, without a rerun.

    What the person chooses in it (zoom, axis, logarithmic scale, hidden lines) belongs to `key` and
    survives updates and reruns.

    Args:
        figure: From `app.charts`; it says in `layout.meta` what the browser works out.
        key: Identity of the chart on the page.
        title: What stands above it, if it is headed, and in a picture that is saved.
        height: Pixels of the whole component, buttons included; in a lecture of a window of
            1280 × 720, if nothing else says how high it is.
        fill: Pixels of the window that the rest of the page takes: the chart grows into what is
            left; 0 keeps it at `height`.
        below: The same of the part of the page that comes after it, in place of `fill`.
        widest: The tallest it grows to, as a length of CSS.
        lecture: Larger buttons.
        empty: What to do next, shown while there is nothing to draw.
        help: What the words of its title mean, on hover.
        **behaviour: More of what `app/web/chart.js` reads.

    Returns:
        The component's state: triggers that have just been fired.
    """
    shown = json.loads(figure.to_json(engine="json"))
    shown["layout"].pop("template", None)
    events = {name: behaviour.pop(name) for name in list(behaviour) if name.endswith("_change")}
    grows = fill > 0 or below > 0
    if fill or (lecture and not grows):  # or the page jumps once the chart is there
        growing = f"max({height}px, min(100vh - {fill}px, {widest}))"
        high = growing if fill else f"calc({height / 24:g} * var(--large))"  # see lecture/style.css
        st.html(f"<style>.st-key-{key.replace('.', '-')} {{ min-height: {high}; }}</style>")
    data = {
        "figure": shown,
        "templates": _templates(),
        "plotly": plotly_url(),
        "title": title,
        "height": height,
        "fill": fill,
        "below": below,
        "widest": widest,
        "lecture": lecture,
        "empty": empty,
        "help": help,
        "x": "step",
        "logY": True,
        "quantities": [],
        **behaviour,
    }
    return mount("chart", data, key=key, height=None if grows or lecture else height, **events)


@cache
def _templates() -> dict[str, Any]:
    return {name: template(name == "dark").to_plotly_json() for name in ("light", "dark")}


def live_chart(
    traces: Sequence[Trace],
    *,
    y_title: str,
    y_format: str = ".3~g",
    log_y: bool = False,
    x_switch: bool = True,
    lecture: bool = False,
    quantities: Sequence[Quantity] = (),
    on_target: Callable[[], None] | None = None,
    on_view: Callable[[], None] | None = None,
    **more: Any,
) -> None:
    """Draw curves along training, live, with the switches a person needs.

    Args:
        traces: Lines, drawn in this order; up to four are named at their ends.
        y_title: Axis title with symbol and unit.
        y_format: d3 format of hover values, for example ".1%".
        log_y: Start with a logarithmic vertical axis.
        x_switch: Offer buttons for step, epoch and seconds; the first is `x`, "step" by default.
        lecture: Larger type and thicker lines.
        quantities: What the person may look at, beginning with the one whose series `quantity` is;
            its title and axis replace the others.
        on_target: Called once a dragged target is let go; `st.session_state[key].aimed` then holds
            `quantity` and `value`.
        on_view: Called when quantity, axis, scale or smoothing change; the page then owns them, so
            that they can be in its link. `st.session_state[key].looked` holds `quantity`, `x`,
            `log` and `smooth`.
        **more: Of `show_figure`; and `smoothing`, the epochs of the causal running mean that a
            button switches on, with `smooth` for whether it is on.
    """
    if on_view is not None:
        more |= {"on_aimed_change": on_target or _nothing, "on_looked_change": on_view}
    show_figure(
        curves(traces, y_title=y_title, y_format=y_format, lecture=lecture),
        lecture=lecture,
        headed=True,
        marks=True,
        xSwitch=x_switch,
        logY=log_y,
        quantities=[quantity.as_data() for quantity in quantities],
        owned=on_view is not None,
        **more,
    )


def _nothing() -> None:
    """Hear a trigger that nobody asked for."""


def preload() -> None:
    """Fetch what later pages need while this one is read, so that they are drawn at once."""
    data = {"plotly": plotly_url(), "widgets": widget_urls()}
    mount("preload", data, key="preload", height=1)
