"""Start, pause, resume and stop: the buttons of any run, and what they ask of the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import streamlit as st

from app.components.notation import duration
from app.guard import reporting
from app.ownership import COOKIE
from app.services import get_service
from proxprop.runs.record import Run
from proxprop.spec.config import AnyConfig
from proxprop.spec.controls import Control

Action = Literal["pause", "resume", "stop", "step", "epoch", "checkpoint"]


def start(config: AnyConfig | None) -> str | None:
    """Start a run; return its id, or None where there is no config or it cannot be started."""
    if config is not None:
        with reporting():
            return get_service().start(config, "", _owner())
    return None


def run_buttons(
    run: Run | None,
    what: str,
    on_start: Callable[[], None],
    *,
    ready: bool,
    steps: Mapping[Action, tuple[str, str, str]] | None = None,
) -> None:
    """Show the buttons that make sense for a run as it stands.

    Args:
        run: The run on show, if any.
        what: What Start starts, "a new run" for example.
        on_start: Called to start it.
        ready: Whether the form can be started.
        steps: Commands of one step each while the run goes on → label, help, shortcut.
    """
    if run is None or run.status == "ended":
        if run is not None and run.resumable:
            resume_button(run)
        st.button(
            "Start",
            key="start",
            type="primary",
            icon=":material/play_arrow:",
            help=f"Start {what} with these settings.  [Space]",
            on_click=on_start,
            disabled=not ready,
            shortcut="Space",
        )
    elif run.status not in ("queued", "starting"):
        for action, (label, help, shortcut) in (steps or {}).items():
            _control_button(run, label, action, key=action, help=help, shortcut=shortcut)
        going: dict[str, Any] = {"key": "pause", "icon": ":material/pause:", "shortcut": "Space"}
        if run.status == "paused":
            going |= {"key": "go", "icon": ":material/play_arrow:"}
            _control_button(run, "Go on", "resume", **going)
        else:
            _control_button(run, "Pause", "pause", **going)
    if run is not None and run.status != "ended":
        stop_button(run)


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


def stop_button(run: Run) -> None:
    """Offer to stop."""
    _control_button(run, "Stop", "stop", key="stop", icon=":material/stop:")


def queue_place(run: Run) -> str:
    """Return the place of a queued run in line, and its wait; empty once it has left."""
    queued = get_service().status().queued
    entry = next((entry for entry in queued if entry.run_id == run.id), None)
    if entry is None:
        return ""
    wait = f", about {duration(entry.eta)}" if entry.eta is not None else ""
    return f"Number {entry.position} in line{wait}"


def _control_button(run: Run, label: str, action: Action, **options: Any) -> None:
    st.button(label, on_click=_control, args=(run.id, action), **options)


def _control(run_id: str, action: Action) -> None:
    with reporting():
        get_service().control(run_id, Control(action))


def _owner() -> str:
    """Return the cookie that tells this browser from others; empty on a personal machine."""
    return str(st.context.cookies.get(COOKIE, ""))
