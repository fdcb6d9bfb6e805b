"""Start, pause, resume and stop: the buttons of any run, and what they ask of the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import streamlit as st

from app.components.notation import duration
from app.components.run_settings import single_config
from app.guard import reporting
from app.ownership import this_owner
from app.permits import may_change, may_start
from app.services import get_service, get_store
from proxprop.runs.errors import RunEndedError
from proxprop.runs.record import Run
from proxprop.runs.replay import calm_step, steps_back
from proxprop.runs.steering import begins_again, extended
from proxprop.spec.config import AnyConfig
from proxprop.spec.controls import Control

# Field of a budget → what it is called.
LIMITS = {"epochs": "Epochs", "seconds": "Training seconds", "steps": "Steps"}

Action = Literal["pause", "resume", "stop", "step", "epoch", "checkpoint"]


def start(config: AnyConfig | None) -> str | None:
    """Start a run; return its id, or None where there is no config or it cannot be started."""
    if config is not None:
        with reporting():
            return get_service().start(config, "", this_owner())
    return None


def run_buttons(
    run: Run | None,
    what: str,
    on_start: Callable[[], None],
    *,
    ready: bool,
    steps: Mapping[Action, tuple[str, str, str]] | None = None,
    on_back: Callable[[int], None] | None = None,
) -> None:
    """Show the buttons that make sense for a run as it stands.

    Args:
        run: The run on show, if any.
        what: What Start starts, "a new run" for example.
        on_start: Called to start it.
        ready: Whether the form can be started.
        steps: Commands of one step each while the run goes on → label, help, shortcut.
        on_back: Called with a saved step to go back to, once the run has diverged.
    """
    if not (may_start() if run is None or run.status == "ended" else may_change(run)):
        return
    if run is None or run.status == "ended":
        if run is not None and on_back is not None and (steps_back := saved_before(run)):
            back_button(run, steps_back, on_back)
        elif run is not None and run.resumable:
            resume_button(run)
        if run is not None and run.extendable:
            extend_button(run)
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
        if run.stale and may_change(run):
            give_up_button(run)


def saved_before(run: Run) -> list[int]:
    """Return the saved steps of a run that diverged, the latest first."""
    return steps_back(get_store(), run) if run.outcome == "diverged" and may_change(run) else []


def back_button(run: Run, steps: Sequence[int], on_back: Callable[[int], None]) -> None:
    """Offer to go back to a step from before the divergence, as a new run."""
    last = calm_step(get_store(), run, steps)
    others = [step for step in steps if step != last]
    help = "A new run goes on from there, at the settings that led there and what you change now."
    icon = ":material/undo:"
    st.button(
        f"Back to step {last}", key="back", icon=icon, help=help, on_click=on_back, args=(last,)
    )
    if others:
        with st.popover("Other", key="back.other"):
            for step in others:
                key = f"back.{step}"
                st.button(f"Back to step {step}", key=key, on_click=on_back, args=(step,))


def resume_button(run: Run) -> None:
    """Offer to go on from the last saved state, or to begin again where there is none."""
    if not may_change(run):
        return
    if begins_again(get_store(), run):
        with st.popover("Begin again", icon=":material/restart_alt:", key="begin-again"):
            st.markdown(f"No state was saved: the {run.step} steps it recorded are thrown away.")
            label = "Throw them away and begin"
            st.button(label, key="begin-again.yes", on_click=_resume, args=(run.id, True))
        return
    st.button(
        "Resume",
        key="resume",
        icon=":material/replay:",
        help="Go on from the last saved state.",
        on_click=_resume,
        args=(run.id,),
    )


def _resume(run_id: str, begin_again: bool = False) -> None:
    with reporting():
        get_service().resume(run_id, begin_again=begin_again)


def extend_button(run: Run) -> None:
    """Offer to continue an ended run with a larger budget, from its last saved state."""
    if not may_change(run) or begins_again(get_store(), run):
        return
    budget = single_config(run).budget
    limit = next(limit for limit in LIMITS if getattr(budget, limit) is not None)
    done = getattr(budget, limit)
    key = f"extend.{run.id}"
    with st.popover("Extend", icon=":material/more_time:", key="extend"):
        label, form = f"{LIMITS[limit]} in all", "%d" if limit == "steps" else "%g"
        st.number_input(label, min_value=done, value=2 * done, format=form, key=key)
        st.button("Go on", key="extend.go", on_click=_extend, args=(run.id, limit, key))


def _extend(run_id: str, limit: str, key: str) -> None:
    with reporting():
        config = extended(get_store().run(run_id), {f"budget.{limit}": st.session_state[key]})
        get_service().resume(run_id, config)


def give_up_button(run: Run) -> None:
    """Offer to end a run whose process shows no sign of life."""
    st.button(
        "Give up",
        key="give-up",
        icon=":material/power_off:",
        help="It shows no sign of life: end its process. What it recorded and saved is kept.",
        on_click=_give_up,
        args=(run.id,),
    )


def _give_up(run_id: str) -> None:
    with reporting():
        get_service().give_up(run_id)


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
    if not may_change(run):
        return
    st.button(label, on_click=_control, args=(run.id, action), **options)


def _control(run_id: str, action: Action) -> None:
    send(run_id, Control(action))


def send(run_id: str, control: Control) -> None:
    """Send a command; that it crossed the run's end is told in passing, of a Stop not at all."""
    with reporting():
        try:
            get_service().control(run_id, control)
        except RunEndedError:
            if control.action != "stop":
                st.toast("The run had ended.")
