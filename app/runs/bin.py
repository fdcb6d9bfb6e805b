"""Deleted runs: undo right away, or out of the bin for a week."""

from __future__ import annotations

import streamlit as st

from app.components.run_titles import state_of, title_of
from app.runs import acting
from app.services import get_store
from proxprop.runs.store import BIN_DAYS


def undo() -> None:
    """Offer to take back the last deletion."""
    deleted: list[str] = st.session_state.get(acting.DELETED, [])
    if not deleted:
        return
    words = "The run is" if len(deleted) == 1 else f"{len(deleted)} runs are"
    with st.container(
        horizontal=True,
        horizontal_alignment="right",
        vertical_alignment="center",
        key="undo-bar",
    ):
        st.markdown(f"{words} in the bin.", width="content")
        st.button(
            "Undo", key="undo", icon=":material/undo:", on_click=acting.restore, args=(deleted,)
        )


def bin_group() -> None:
    """List what is in the bin, with a button to bring each back."""
    deleted = get_store().runs(deleted=True)
    if not deleted:
        return
    with st.popover(f"Bin ({len(deleted)})", icon=":material/delete:", key="bin"):
        st.caption(f"Kept for {BIN_DAYS:.0f} days, then deleted for good.")
        for run in deleted[:50]:
            words, button = st.columns([3, 1], vertical_alignment="center")
            words.markdown(f"{title_of(run)}  ·  {state_of(run)}")
            button.button(
                "Restore", key=f"restore.{run.id}", on_click=acting.restore, args=([run.id],)
            )
