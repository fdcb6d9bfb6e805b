"""The Runs page put together: find, choose, act."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app.runs.bin import bin_group
from app.runs.finding import finding
from app.runs.listing import listed
from app.runs.panel import TRAIN, panel
from app.runs.table import columns, frame
from app.services import get_store
from proxprop.runs.record import Run

CHOSEN = "runs.chosen"
HEIGHT = 340  # pixels of the table: what can be done with a run stays in sight
PAGE = 100  # runs listed before "more"


def runs_view() -> None:
    """Show every run, the ones looked for first."""
    wanted = finding()
    runs = listed(get_store(), wanted)
    if runs:
        panel(_table(runs))
    elif get_store().runs(limit=1):
        st.info("No run matches. Take away a filter, or search for another word.")
    else:
        st.info("No runs yet: everything you train is kept here.")
        st.page_link(TRAIN, label="Train a network", icon=":material/play_arrow:")
    bin_group()


def _table(runs: list[Run]) -> list[Run]:
    page = runs[: st.session_state.get("runs.shown", PAGE)]
    ids = [run.id for run in page]
    chosen = [run_id for run_id in chosen_ids() if run_id in ids]
    # A selection is kept by Streamlit as row numbers. Rows move when runs come and go, so every
    # list of runs is a table of its own, which starts with what was chosen by id.
    key = f"runs.table.{hash(tuple(ids))}"
    st.dataframe(
        frame(page),
        column_config=columns(),
        hide_index=True,
        key=key,
        on_select=partial(_choose, key, ids),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [ids.index(run_id) for run_id in chosen]}},
        height=min(HEIGHT, 38 + 36 * len(page)),
        row_height=36,
        placeholder="–",
    )
    if len(runs) > len(page):
        st.button(f"Show more ({len(runs) - len(page)})", key="runs.more", on_click=_more)
    return [run for run in page if run.id in chosen]


def chosen_ids() -> list[str]:
    """Return the ids of the runs a person chose, in this session or by the link."""
    if CHOSEN not in st.session_state:
        st.session_state[CHOSEN] = st.query_params.get_all("run")
    chosen: list[str] = st.session_state[CHOSEN]
    return chosen


def _choose(key: str, ids: list[str]) -> None:
    rows = st.session_state[key].selection.rows
    st.session_state[CHOSEN] = [ids[row] for row in rows if row < len(ids)]


def _more() -> None:
    st.session_state["runs.shown"] = st.session_state.get("runs.shown", PAGE) + PAGE
