"""The Compare page's form as a whole: preset, contenders, what they share."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from app.compare import acting
from app.compare.cards import cards
from app.compare.draft import RaceDraft
from app.compare.setting import setting
from proxprop.spec.config import RaceConfig
from proxprop.spec.racing import RACE_PRESETS


def form(draft: RaceDraft) -> None:
    """Show every control of a race in one column."""
    if draft.notice:
        st.caption(draft.notice)
    presets(draft)
    with st.container(key="race-cards", gap="xxsmall"):
        cards(draft)
    with st.container(key="race-setting", gap="xxsmall"):
        setting(draft)
    if draft.problem:
        with st.container(key="refusal-race"):
            st.markdown(f":material/error: {draft.problem}")
    if draft.live:
        st.caption("Settings stay fixed until the race ends.")


def about(config: RaceConfig | None) -> str:
    """Return what will be seen of these contenders, if a preset tells."""
    found = _matching(config)
    return "" if found is None else RACE_PRESETS[found].about


def presets(
    draft: RaceDraft, label_visibility: Literal["visible", "collapsed"] = "visible"
) -> None:
    """Offer named fields of contenders."""
    names = [preset.label for preset in RACE_PRESETS]
    found = _matching(draft.config())
    shown = None if found is None else names[found]
    if st.session_state.get(acting.PRESET) != shown:
        st.session_state[acting.PRESET] = shown
    st.selectbox(
        "Preset",
        names,
        key=acting.PRESET,
        help="Named fields of contenders; data, network and budget stay as they are.",
        on_change=acting.take_preset,
        disabled=draft.live,
        label_visibility=label_visibility,
        **({} if shown else {"index": None, "placeholder": "your own contenders"}),
    )


def _matching(config: RaceConfig | None) -> int | None:
    if config is None:
        return None
    same = (i for i, preset in enumerate(RACE_PRESETS) if preset.contenders == config.contenders)
    return next(same, None)
