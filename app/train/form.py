"""The Train page's controls: every setting of a run in one column, and its buttons."""

from __future__ import annotations

import streamlit as st

from app.components.transport import Action, run_buttons
from app.forms.fields import presets
from app.forms.groups import budget_group, data_group, model_group, more_group, step_group
from app.state.draft import Draft
from app.train.presets import PRESETS, apply, matching
from app.train.state import TrainState
from proxprop.runs.record import Run

STEPS: dict[Action, tuple[str, str, str]] = {
    "step": ("One batch", "One optimizer step, then pause.  [→]", "Right"),
    "epoch": ("One epoch", "To the end of this epoch, then pause.  [Shift →]", "Shift+Right"),
}


def transport(state: TrainState, run: Run | None) -> None:
    """Show the buttons that make sense for the run as it stands."""
    with st.container(horizontal=True, horizontal_alignment="right", key="transport"):
        ready = not state.draft.problems
        run_buttons(run, "a new run", state.start, ready=ready, steps=STEPS)


def form(state: TrainState) -> None:
    """Show every setting of a run."""
    draft = state.draft
    if state.unknown:
        st.caption(f"This link names settings that do not exist: {', '.join(state.unknown)}.")
    if "" in draft.problems:
        st.caption(draft.problems[""])
    _presets(draft)
    data_group(draft)
    model_group(draft)
    step_group(draft)
    budget_group(draft)
    more_group(draft)
    if draft.live:
        st.caption("The step's settings act at once; the rest stays fixed until the run ends.")


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
