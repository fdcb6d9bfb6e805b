"""The table of runs, in which they are chosen."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app.runs.columns import Group, frame, looks
from app.runs.search import RunsState
from app.services import get_store
from proxprop.runs.record import Run

SHOWN = "runs.shown"  # session key: lines listed
HEIGHT = 340  # pixels of the table: what can be done with a run stays in sight
ROW = 36  # pixels
PAGE = 100  # lines listed before "more"


def nothing_listed() -> None:
    """Say what to do where no run is listed."""
    if get_store().runs(limit=1):
        st.info("No run matches. Take away a filter, or search for another word.")
    else:
        st.info("No runs yet: everything you train is kept here.")
        st.page_link("../pages/train.py", label="Train a network", icon=":material/play_arrow:")


def table(lines: list[Group], state: RunsState) -> list[Run]:
    """Show the lines, with a sparkline of each one's loss; return the chosen runs."""
    page = lines[: st.session_state.get(SHOWN, PAGE)]
    ids = [tuple(run.id for run in line) for line in page]
    # A selection is kept by Streamlit as row numbers. Rows move when runs come and go, so every
    # list of runs is a table of its own, which starts with what was chosen by id.
    key = f"runs.table.{hash(tuple(ids))}"
    rows = [row for row, line in enumerate(ids) if set(line) <= set(state.run)]
    st.dataframe(
        frame(page, state.columns),
        column_config=looks(),
        hide_index=True,
        key=key,
        on_select=partial(_choose, state, key, ids),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": rows}},
        height=min(HEIGHT, 38 + ROW * len(page)),
        row_height=ROW,
        placeholder="–",
    )
    if len(lines) > len(page):
        st.button(f"Show more ({len(lines) - len(page)})", key="runs.more", on_click=_more)
    return [run for row in rows for run in page[row]]


def _choose(state: RunsState, key: str, ids: list[tuple[str, ...]]) -> None:
    rows = st.session_state[key].selection.rows
    state.change(run=tuple(run for row in rows if row < len(ids) for run in ids[row]))


def _more() -> None:
    st.session_state[SHOWN] = st.session_state.get(SHOWN, PAGE) + PAGE
