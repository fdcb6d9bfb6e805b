"""Finished runs of other days beside a race; always marked, since nothing made them equal."""

from __future__ import annotations

import streamlit as st

from app.compare import acting
from app.compare.draft import RaceDraft
from app.components.run_titles import config_of, data_of, title_of
from app.services import get_store
from proxprop.runs.record import Run
from proxprop.spec.config import RunConfig

MOST = 4
OFFERED = 100


def added_runs(draft: RaceDraft) -> list[Run]:
    """Return the runs drawn beside the race, in the order they were chosen."""
    known = get_store().get(draft.added) if draft.added else {}
    return [known[run_id] for run_id in draft.added if run_id in known]


def added_picker(draft: RaceDraft) -> None:
    """Let a person choose finished runs to draw beside the race."""
    icon = ":material/playlist_add:"
    with st.popover("Add a finished run", key="race.added", icon=icon, on_change="rerun") as group:
        if not group.open:
            return
        runs = _offered(draft)
        if not runs:
            st.caption("No run has finished yet; the Train page makes some.")
            return
        if st.session_state.get("race.added.ids") != draft.added:
            st.session_state["race.added.ids"] = list(draft.added)
        names = {run.id: f"{title_of(run)}  ·  {data_of(config_of(run))}" for run in runs}
        st.multiselect(
            "Finished runs",
            list(names),
            format_func=lambda run_id: names[run_id],
            key="race.added.ids",
            max_selections=MOST,
            placeholder="choose up to four",
            on_change=acting.set_added,
            args=("race.added.ids",),
        )
        st.caption(
            "Not measured in the same race: other batches, another load on the machine, perhaps "
            "other data. Epochs compare better than seconds."
        )


def _offered(draft: RaceDraft) -> list[Run]:
    ended = get_store().runs(kind="run", status=("ended",), limit=OFFERED)
    there = {run.id for run in ended}
    chosen = [run for run in added_runs(draft) if run.id not in there]
    readable = [run for run in ended if isinstance(config_of(run), RunConfig) and run.step > 0]
    return [*chosen, *readable]
