"""The Train page's form as a whole: preset, what is learned, the step, the rest."""

from __future__ import annotations

import streamlit as st

from app.forms.step import step_group
from app.forms.task import data_group, model_group
from app.forms.training import budget_group, more_group
from app.presets import PRESETS, apply, matching
from app.state import editing as state


def form() -> None:
    """Show every control of a run in one column."""
    draft = state.current()
    if draft.unknown:
        st.caption(f"This link names settings that do not exist: {', '.join(draft.unknown)}.")
    if "" in draft.problems:
        st.caption(draft.problems[""])
    _presets(draft)
    data_group()
    model_group()
    step_group()
    budget_group()
    more_group()
    if draft.live:
        st.caption("The step's settings act at once; the rest stays fixed until the run ends.")


def _presets(draft: state.Draft) -> None:
    preset = matching(draft.values)
    names = [preset.name for preset in PRESETS]
    shown = preset.name if preset else None
    if st.session_state.get("preset") != shown:
        st.session_state["preset"] = shown
    st.selectbox(
        "Preset",
        names,
        key="preset",
        help="Named settings: what a lecture shows, and what the paper ran.",
        on_change=_take_preset,
        disabled=draft.live,
        **({} if preset else {"index": None, "placeholder": "your own settings"}),
    )


def _take_preset() -> None:
    chosen = next((p for p in PRESETS if p.name == st.session_state["preset"]), None)
    if chosen is not None:
        draft = state.current()
        draft.values = apply(chosen, draft.values)
        draft.offer = None
        draft.touched = True
