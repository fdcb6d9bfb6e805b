"""The Train page's controls: every setting of a run in one column, and its buttons."""

from __future__ import annotations

import math

import streamlit as st

from app.components.notation import as_written
from app.components.transport import Action, run_buttons
from app.forms.fields import dial, presets, told_refusals
from app.forms.groups import (
    COUNTS,
    budget_group,
    data_group,
    model_group,
    more_group,
    step_group,
)
from app.state.draft import Draft
from app.state.telling import show_value
from app.train.presets import PRESETS, apply, matching
from app.train.state import TrainState, talking
from proxprop.runs.record import Run
from proxprop.spec.settings import SYMBOLS

FULL_SPEED = 0.0
PACES = (1.0, 2.0, 5.0, 10.0, FULL_SPEED)
STEPS: dict[Action, tuple[str, str, str]] = {
    "step": ("One batch", "One optimizer step, then pause.  [→]", "Right"),
    "epoch": ("One epoch", "To the end of this epoch, then pause.  [Shift →]", "Shift+Right"),
}


def transport(state: TrainState, run: Run | None) -> None:
    """Show the buttons that make sense for the run as it stands."""
    with st.container(horizontal=True, horizontal_alignment="right", key="transport"):
        ready = not state.draft.problems
        steps = {} if state.lecture else STEPS
        run_buttons(run, "a new run", state.start, ready=ready, steps=steps, on_back=state.back)


def form(state: TrainState) -> None:
    """Show every setting of a run."""
    draft = state.draft
    if state.unknown:
        st.caption(
            f"This link names settings that do not exist: {as_written(', '.join(state.unknown))}."
        )
    if "" in draft.problems:
        st.caption(as_written(draft.problems[""]))
    _presets(draft)
    data_group(draft)
    model_group(draft)
    step_group(draft)
    budget_group(draft)
    more_group(draft)
    if draft.live:
        st.caption("The step's settings act at once; the rest stays fixed until the run ends.")


def large_dial(state: TrainState) -> None:
    """Show one dial, large, to talk while it is turned; which one, and how fast, is chosen.

    Only where the settings are those of talking: without an end, or with a speed limit.
    """
    draft, names = state.draft, _dials(state)
    if not names:
        return
    turned = _turned(state, names)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="large-dial"):
        show_value("dial.which", turned)
        st.segmented_control(
            "Which dial",
            names,
            format_func=SYMBOLS.__getitem__,
            required=True,
            label_visibility="collapsed",
            key="dial.which",
            on_change=lambda: state.change(dial=st.session_state["dial.which"]),
        )
        with st.container(key="large-dial-slider"):
            grid = COUNTS if turned == "direction.cg_steps" else ()
            dial(draft, turned, grid=grid, lecture=True)
        pace = draft.values["pace"]
        own = pace if isinstance(pace, (int, float)) else FULL_SPEED
        show_value("dial.pace", own)
        st.selectbox(
            "Speed",
            sorted({*PACES, own}, key=lambda each: each or math.inf),
            format_func=lambda each: f"{each:g} steps/s" if each else "full speed",
            label_visibility="collapsed",
            key="dial.pace",
            width=270,
            on_change=lambda: draft.edit("pace", st.session_state["dial.pace"] or None),
        )


def _dials(state: TrainState) -> list[str]:
    """Return the settings that the large dial may turn, none where there is no such dial."""
    values = state.draft.values
    known = {
        "optimizer.lr": True,
        "direction.tau": values["direction.solver"] != "explicit",
        "direction.cg_steps": values["direction.solver"] == "cg",
    }
    return [name for name, there in known.items() if there and talking(values)]


def _turned(state: TrainState, names: list[str]) -> str:
    return state.dial if state.dial in names else names[0]


def refused(state: TrainState) -> None:
    """Say in a lecture, which shows no form, why nothing can be started."""
    if state.lecture:
        names = _dials(state)
        told_refusals(state.draft, without=[_turned(state, names)] if names else [])


def _presets(draft: Draft) -> None:
    def take(name: str) -> None:
        draft.values, draft.offer = apply(name, draft.values), None

    presets(
        list(PRESETS),
        matching(draft.values),
        key="preset",
        own="your own settings",
        take=take,
        help="Named settings: what a lecture shows, and what the paper ran.",
        disabled=draft.live,
    )
