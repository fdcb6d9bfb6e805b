"""Start, pause, resume and stop: the buttons of any run, and what they ask of the service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import streamlit as st

from app.components.notation import duration
from app.guard import reporting
from app.ownership import COOKIE
from app.services import get_service
from proxprop.runs.record import Run
from proxprop.spec.controls import Control

Action = Literal["pause", "resume", "stop", "step", "epoch", "checkpoint"]


def owner() -> str:
    """Return the cookie that tells this browser from others; empty on a personal machine."""
    return str(st.context.cookies.get(COOKIE, ""))


def start_button(what: str, on_click: Callable[[], None], *, disabled: bool) -> None:
    """Offer to start `what`, "a new run" for example, with the settings of the form."""
    st.button(
        "Start",
        key="start",
        type="primary",
        icon=":material/play_arrow:",
        help=f"Start {what} with these settings.  [Space]",
        on_click=on_click,
        disabled=disabled,
        shortcut="Space",
    )


def resume(run_id: str) -> None:
    """Let a run go on from its last saved state."""
    with reporting():
        get_service().resume(run_id)


def resume_button(run: Run) -> None:
    """Offer to go on from the last saved state."""
    st.button(
        "Resume",
        key="resume",
        icon=":material/replay:",
        help="Go on from the last saved state.",
        on_click=resume,
        args=(run.id,),
    )


def pause_and_stop_buttons(run: Run) -> None:
    """Offer to pause, or to go on, and to stop."""
    space: dict[str, Any] = {"shortcut": "Space"}
    if run.status == "paused":
        control_button(run, "Go on", "resume", key="go", icon=":material/play_arrow:", **space)
    else:
        control_button(run, "Pause", "pause", key="pause", icon=":material/pause:", **space)
    stop_button(run)


def stop_button(run: Run) -> None:
    """Offer to stop."""
    control_button(run, "Stop", "stop", key="stop", icon=":material/stop:")


def control_button(run: Run, label: str, action: Action, **options: Any) -> None:
    """Offer to send a running run one command."""
    st.button(label, on_click=_control, args=(run.id, action), **options)


def queue_place(run: Run) -> str:
    """Return the place of a queued run in line, and its wait; empty once it has left."""
    queued = get_service().status().queued
    entry = next((entry for entry in queued if entry.run_id == run.id), None)
    if entry is None:
        return ""
    wait = f", about {duration(entry.eta)}" if entry.eta is not None else ""
    return f"Number {entry.position} in line{wait}"


def _control(run_id: str, action: Action) -> None:
    with reporting():
        get_service().control(run_id, Control(action))
