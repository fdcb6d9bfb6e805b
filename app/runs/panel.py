"""What can be done with the chosen runs, and what a person wrote about one."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.attached import resumable
from app.components.downloads import download_links
from app.components.run_buttons import resume_button
from app.components.run_titles import config_of, state_of, title_of
from app.runs import acting
from app.services import get_store
from proxprop.runs.record import Run
from proxprop.spec.config import RunConfig

PAGES = Path(__file__).resolve().parents[2] / "pages"
TRAIN = PAGES / "train.py"

# kind of run → the page that shows it, and the name of its id in that page's link
SHOWN_BY = {
    "run": (TRAIN, "run"),
    "race": (PAGES / "compare.py", "race"),
    "sweep": (PAGES / "stability.py", "sweep"),
}


def panel(chosen: list[Run]) -> None:
    """Show the actions for the chosen runs; without any, what to do."""
    if not chosen:
        st.caption("Choose a run by the box at its left: open, resume, copy, export or delete it.")
        return
    with st.container(horizontal=True, key="panel"):
        if len(chosen) == 1:
            _single(chosen[0])
        words = "Delete" if len(chosen) == 1 else f"Delete {len(chosen)} runs"
        if st.button(words, key="delete", icon=":material/delete:"):
            confirm(chosen)
    if len(chosen) == 1:
        about(chosen[0])


def _single(run: Run) -> None:
    single = isinstance(config_of(run), RunConfig)
    if st.button("Open", key="open", type="primary", icon=":material/open_in_full:"):
        page, name = SHOWN_BY[run.kind]
        st.switch_page(page, query_params={name: run.id})
    if resumable(run):
        resume_button(run)
    if single and st.button(
        "Copy and change",
        key="copy",
        icon=":material/content_copy:",
        help="Its last settings on the Train page, to change and start anew.",
        on_click=acting.duplicate,
        args=(run.id,),
    ):
        st.switch_page(TRAIN)
    if single and st.button(
        "Replay",
        key="replay",
        icon=":material/history:",
        help="Its settings on the Train page, every live change planned at its step.",
        on_click=acting.replay,
        args=(run.id,),
    ):
        st.switch_page(TRAIN)


@st.dialog("Delete?")
def confirm(chosen: list[Run]) -> None:
    """Ask before deleting."""
    for run in chosen[:5]:
        st.markdown(f"- {title_of(run)} ({state_of(run)})")
    if len(chosen) > 5:
        st.markdown(f"- and {len(chosen) - 5} more")
    st.caption("Runs that go on are stopped. For seven days the bin brings them back.")
    ids = [run.id for run in chosen]
    if st.button("Delete", key="delete.yes", type="primary", on_click=acting.delete, args=(ids,)):
        st.rerun()


def about(run: Run) -> None:
    """Show what is known of one run, and let a person name, tag and describe it."""
    symbol, _, state = state_of(run).partition(" ")
    st.markdown(f"**{title_of(run)}**  ·  {symbol} {run.words or state}")
    left, middle, right = st.columns([1, 1, 1.4])
    with left:
        _field(f"name.{run.id}", run.name)
        st.text_input(
            "Name",
            key=f"name.{run.id}",
            on_change=acting.rename,
            args=(run.id,),
            placeholder="made from its settings",
        )
    with middle:
        _field(f"tags.{run.id}", list(run.tags))
        st.multiselect(
            "Tags",
            sorted({*get_store().tags(), *run.tags}),
            key=f"tags.{run.id}",
            accept_new_options=True,
            on_change=acting.tag,
            args=(run.id,),
            placeholder="type a word",
        )
    with right:
        _field(f"notes.{run.id}", run.notes)
        st.text_input(
            "Notes",
            key=f"notes.{run.id}",
            on_change=acting.note,
            args=(run.id,),
            placeholder="what you tried, what you saw",
        )
    download_links(run)


def _field(key: str, value: object) -> None:
    if key not in st.session_state:
        st.session_state[key] = value
