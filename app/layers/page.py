"""What the Layers page shows, as its link says it, and the runs it can show."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import streamlit as st
from pydantic import Field

from app.components.links import tab_title
from app.components.run_settings import offered_runs
from app.components.run_titles import names_of, title_of
from app.guard import take_problem
from app.state.url_state import UrlState
from proxprop.runs.record import Run

STYLE = Path(__file__).with_name("style.css")
VIEWS = {"step": "One step", "time": "Along a run"}
RUNS = 50  # latest ones to choose from


class LayersState(UrlState):
    """What the page shows."""

    prefix = "layers."
    keeps_others = True  # the player's stage, which the browser keeps

    view: Literal["step", "time"] = "step"
    of: Literal["mlp", "conv"] = "mlp"  # the network whose initial weights are shown without a run
    run: str = ""
    at: int | None = Field(None, ge=1)  # the step of the run to be looked into; None: the next one
    step: Literal["cg", "exact"] | None = None  # None: as the run steps, else by CG
    k: int = Field(3, ge=1, le=10)
    tau: float | None = Field(None, gt=0, allow_inf_nan=False)  # None: as the run's settings say
    eta: float | None = Field(None, gt=0, allow_inf_nan=False)
    other: str = Field("", alias="with")
    measures: tuple[str, ...] = ("overshoot", "update")
    moment: int | None = Field(None, ge=1)  # of the activations shown; None: the last one


def view_switch() -> LayersState:
    """Show which of the page's two views is on; return what the page shows."""
    state = LayersState.arrive()
    st.html(STYLE)
    if problem := take_problem():
        st.error(problem)
    st.segmented_control(
        "View",
        list(VIEWS),
        format_func=VIEWS.__getitem__,
        required=True,
        label_visibility="collapsed",
        **state.bind("view"),
    )
    return state


def known_runs(state: LayersState) -> dict[str, Run]:
    """Return the latest runs of one network, by id, and those the link names."""
    runs = offered_runs("run", RUNS, state.run, state.other)
    state.change(**{name: "" for name in ("run", "other") if getattr(state, name) not in runs})
    if state.run:
        tab_title(title_of(runs[state.run]), "Layers")
    return runs


def run_labels(runs: dict[str, Run]) -> dict[str, str]:
    """Return id → what a run is called in the bar of controls."""
    return {
        run_id: name + ("" if runs[run_id].status == "ended" else f" · {runs[run_id].status}")
        for run_id, name in names_of(runs.values()).items()
    }
