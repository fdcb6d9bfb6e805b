"""Start, pause, resume, stop, one batch, one epoch."""

from __future__ import annotations

import streamlit as st

from app import actions
from app.components.transport import (
    control_button,
    pause_and_stop_buttons,
    resume_button,
    start_button,
    stop_button,
)
from app.state import editing as state
from proxprop.runs.record import Run

BATCH = ("One batch", "One optimizer step, then pause.  [→]", "Right")
EPOCH = ("One epoch", "To the end of this epoch, then pause.  [Shift →]", "Shift+Right")


def transport(run: Run | None) -> None:
    """Show the buttons that make sense for the run as it stands."""
    with st.container(horizontal=True, horizontal_alignment="right", key="transport"):
        if run is None or run.status == "ended":
            _idle(run)
        elif run.status in ("queued", "starting"):
            stop_button(run)
        else:
            _moving(run)


def _idle(run: Run | None) -> None:
    if run is not None and run.resumable:
        resume_button(run)
    draft = state.current()
    start_button("a new run", actions.start, disabled=bool(draft.problems))


def _moving(run: Run) -> None:
    for action, (label, tip, keys) in (("step", BATCH), ("epoch", EPOCH)):
        control_button(run, label, action, key=action, help=tip, shortcut=keys)
    pause_and_stop_buttons(run)
