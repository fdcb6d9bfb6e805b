"""The activations of the probe batch along a run: samples by units, at a moment chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.charts.activations import PANEL, activations
from app.guard import guard
from app.layers.page import LayersState
from app.live.chart import show_figure
from app.services import get_store
from proxprop.runs.record import Run

REFRESH = 2.0  # seconds between two looks while the run goes on
CAPTION = (
    "The probe batch by class; of a convolution, means of each channel over its positions. Of many "
    "units, a cell shows the value of largest size in its block. Purple below zero, green above."
)


def activation_picture(state: LayersState, run: Run) -> None:
    """Show the activations after a step, and how it changed them; live while the run goes on."""
    every = REFRESH if run.status != "ended" else None
    st.fragment(_picture, run_every=every)(state, run.id)


def _picture(state: LayersState, run_id: str) -> None:
    with guard():  # a refresh of this part alone does not pass the one around the page
        artifact = get_store().artifact(run_id, 0, "activations")
        if artifact is not None:
            _shown(state, artifact.payload)
        state.leave()


def _shown(state: LayersState, payload: dict[str, Any]) -> None:
    moments = {moment["step"]: moment for moment in payload["moments"]}
    steps = list(moments)
    shown = _nearest(steps, state.moment)
    state.moment = None if shown == steps[-1] else shown
    if len(steps) > 1:
        st.select_slider(
            "Activations after step",
            steps,
            format_func="{:,}".format,
            help="Moments that the run has kept; the last one is its latest measured step.",
            **state.bind("moment", default=steps[-1]),
        )
    show_figure(
        activations(
            moments[shown],
            payload["targets"],
            payload["classes"],
            dark=st.context.theme.type == "dark",
            lecture=state.lecture,
        ),
        key="activation-picture",
        title=f"Activations of the probe batch, step {shown:,}",
        height=2 * PANEL + 120,
        lecture=state.lecture,
        headed=True,
    )
    st.caption(CAPTION)


def _nearest(steps: Sequence[int], wanted: int | None) -> int:
    """Return the moment closest to what was chosen: a run that goes on thins them out."""
    return steps[-1] if wanted is None else min(steps, key=lambda step: abs(step - wanted))
