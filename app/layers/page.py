"""What the Layers page shows, as its link says it, and the runs it can show."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import streamlit as st
from pydantic import Field

from app.guard import take_problem
from app.services import get_store, linked_run
from app.state.url_state import UrlState
from proxprop.runs.record import Run

STYLE = Path(__file__).with_name("style.css")
VIEWS = {"step": "One step", "time": "Along a run"}
RUNS = 50  # latest ones to choose from


class LayersState(UrlState):
    """What the page shows."""

    prefix = "layers."

    view: Literal["step", "time"] = "step"
    of: Literal["mlp", "conv"] = "mlp"  # the network whose initial weights are shown without a run
    run: str = ""
    step: Literal["cg", "exact"] = "cg"
    k: int = Field(3, ge=1, le=10)
    tau: float | None = Field(None, gt=0, allow_inf_nan=False)  # None: as the run's settings say
    eta: float | None = Field(None, gt=0, allow_inf_nan=False)
    other: str = Field("", alias="with")
    measures: tuple[str, ...] = ("overshoot", "update")
    lecture: bool = False


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
    runs = {run.id: run for run in get_store().runs(kind="run", limit=RUNS)}
    for name in ("run", "other"):
        run_id = getattr(state, name)
        if run_id and (run := linked_run(run_id, "run")):
            runs.setdefault(run_id, run)
        elif run_id:
            st.warning(
                f"There is no run {run_id!r} of one network; choose another, or initial weights."
            )
            state.change(**{name: ""})
    return runs


def run_label(run: Run) -> str:
    """Return what a run is called in the bar of controls."""
    return (run.name or run.id) + ("" if run.status == "ended" else f" · {run.status}")
