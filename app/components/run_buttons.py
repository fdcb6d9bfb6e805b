"""The buttons that any run has, whatever page shows it."""

from __future__ import annotations

import streamlit as st

from app import actions
from proxprop.runs.record import Run


def resume_button(run: Run) -> None:
    """Offer to go on from the last saved state."""
    st.button(
        "Resume",
        key="resume",
        icon=":material/replay:",
        help="Go on from the last saved state.",
        on_click=actions.resume,
        args=(run.id,),
    )


def pause_and_stop_buttons(run: Run) -> None:
    """Offer to pause, or to go on, and to stop."""
    if run.status == "paused":
        _control(run, "Go on", "resume", key="go", icon=":material/play_arrow:", shortcut="Space")
    else:
        _control(run, "Pause", "pause", key="pause", icon=":material/pause:", shortcut="Space")
    stop_button(run)


def stop_button(run: Run) -> None:
    """Offer to stop."""
    _control(run, "Stop", "stop", key="stop", icon=":material/stop:")


def _control(run: Run, label: str, action: actions.Action, **options: object) -> None:
    st.button(label, on_click=actions.control, args=(run.id, action), **options)  # type: ignore[arg-type]
