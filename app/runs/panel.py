"""What can be done with the chosen runs, what a person wrote about one, and the bin."""

from __future__ import annotations

from typing import Any, cast

import streamlit as st

from app.components.links import Link, download_links, link_row, tab_title
from app.components.notation import as_written
from app.components.run_settings import replayable, settings_in_force
from app.components.run_titles import ADDRESSES, config_of, names_of, state_of, title_of
from app.components.transport import extend_button, resume_button
from app.guard import reporting
from app.permits import may_change
from app.runs.beside import beside
from app.services import get_service, get_store
from proxprop.runs.record import Run
from proxprop.runs.store import BIN_DAYS
from proxprop.spec.config import AnyConfig, RunConfig, to_query
from proxprop.spec.placing import ARTIFACT, PartsPayload, places_now, places_then

TRAIN = "../pages/train.py"
COMPARED = 4  # runs that Compare shows beside each other
DELETED = "runs.deleted"  # session key: ids deleted last, for the undo button


def panel(chosen: list[Run]) -> None:
    """Show the actions for the chosen runs; without any, what to do."""
    if not chosen:
        st.caption(
            "Choose a run by the box at its left: see its curves, open, resume, copy, export or "
            "delete it. Of two or more: where their settings differ, too."
        )
        return
    single = chosen[0] if len(chosen) == 1 else None
    if single is not None:
        tab_title(title_of(single), "Runs")
    with st.container(horizontal=True, key="panel"):
        if single is not None:
            _actions(single)
        label = "Delete" if single is not None else f"Delete {len(chosen)} runs"
        mine = all(may_change(run) for run in chosen)
        if mine and st.button(label, key="delete", icon=":material/delete:"):
            confirm(chosen)
    if single is not None:
        about(single)
    else:
        links = [report_link(chosen)]
        ids = ",".join(run.id for run in chosen)
        if len(chosen) <= COMPARED and all(r.kind == "run" and r.step for r in chosen):
            links.append(Link(f"compare?runs={ids}", "Open in Compare"))
        link_row(links)
    beside(chosen)


def report_link(chosen: list[Run]) -> Link:
    """Return the link to a report on these runs."""
    ids = ",".join(run.id for run in chosen)
    return Link(f"api/report.html?runs={ids}", "Report (HTML)", "")


def _actions(run: Run) -> None:
    if st.button("Open", key="open", type="primary", icon=":material/open_in_full:"):
        page, name = ADDRESSES[run.kind]
        st.switch_page(f"../pages/{page}.py", query_params={name: run.id})
    if run.resumable:
        resume_button(run)
    if run.extendable:
        extend_button(run)
    if run.foreign or not isinstance(config_of(run), RunConfig):
        return
    if st.button(
        "Copy and change",
        key="copy",
        icon=":material/content_copy:",
        help="Its last settings on the Train page, to change and start anew.",
    ):
        _open_settings(settings_in_force(run))
    if st.button(
        "Replay",
        key="replay",
        icon=":material/history:",
        help="Its settings on the Train page, every live change planned at its step.",
    ):
        _open_settings(replayable(run))


def _open_settings(config: AnyConfig) -> None:
    """Put settings on the Train page's form, detached from their run."""
    assert isinstance(config, RunConfig)
    # A link without a word would leave the form as it is: the seed is always said.
    query = {"seed": str(config.seed), **to_query(config)}
    st.switch_page(TRAIN, query_params=query)


@st.dialog("Delete?")
def confirm(chosen: list[Run]) -> None:
    """Ask before deleting."""
    names = names_of(chosen)
    for run in chosen[:5]:
        st.markdown(f"- {as_written(names[run.id])} ({state_of(run)})")
    if len(chosen) > 5:
        st.markdown(f"- and {len(chosen) - 5} more")
    st.caption("Runs that go on are stopped. For seven days the bin brings them back.")
    ids = [run.id for run in chosen]
    if st.button("Delete", key="delete.yes", type="primary", on_click=_delete, args=(ids,)):
        st.rerun()


def _delete(run_ids: list[str]) -> None:
    with reporting():
        for run_id in run_ids:
            get_service().delete(run_id)
        st.session_state[DELETED] = run_ids


def _restore(run_ids: list[str]) -> None:
    with reporting():
        for run_id in run_ids:
            get_store().restore(run_id)
        st.session_state.pop(DELETED, None)


def about(run: Run) -> None:
    """Show what is known of one run, and let a person name, tag and describe it."""
    if run.foreign:
        st.warning(as_written(run.foreign))
    symbol, _, word = state_of(run).partition(" ")
    st.markdown(f"**{as_written(title_of(run))}**  ·  {symbol} {as_written(run.words or word)}")
    placed = get_store().artifact(run.id, 0, ARTIFACT)
    if placed is not None:
        payload = cast(PartsPayload, placed.payload)
        words = places_now(payload) if run.live else places_then(payload)
        st.caption(as_written(f"On a cluster: {words}"))
    left, middle, right = st.columns([1, 1, 1.4])
    left.text_input("Name", placeholder="made from its settings", **_bound(run, "name", run.name))
    middle.multiselect(
        "Tags",
        sorted({*get_store().tags(), *run.tags}),
        accept_new_options=True,
        placeholder="type a word",
        **_bound(run, "tags", list(run.tags)),
    )
    right.text_input(
        "Notes", placeholder="what you tried, what you saw", **_bound(run, "notes", run.notes)
    )
    download_links(run, report_link([run]))


def _bound(run: Run, name: str, value: object) -> dict[str, Any]:
    """Return what ties a control to the name, tags or notes of a run."""
    key = f"{name}.{run.id}"
    st.session_state.setdefault(key, value)
    kept = not may_change(run)
    return {"key": key, "on_change": _write, "args": (run.id, name), "disabled": kept}


def _write(run_id: str, name: str) -> None:
    store = get_store()
    write = {"name": store.rename, "tags": store.tag, "notes": store.note}[name]
    with reporting():
        write(run_id, st.session_state[f"{name}.{run_id}"])


def undo() -> None:
    """Offer to take back the last deletion."""
    deleted: list[str] = st.session_state.get(DELETED, [])
    if not deleted:
        return
    subject = "The run is" if len(deleted) == 1 else f"{len(deleted)} runs are"
    with st.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="undo-bar"
    ):
        st.markdown(f"{subject} in the bin.", width="content")
        st.button("Undo", key="undo", icon=":material/undo:", on_click=_restore, args=(deleted,))


def bin_list() -> None:
    """List what is in the bin, with a button to bring each back."""
    deleted = get_store().runs(deleted=True)
    if not deleted:
        return
    with st.popover(f"Bin ({len(deleted)})", icon=":material/delete:", key="bin"):
        st.caption(f"Kept for {BIN_DAYS:.0f} days, then deleted for good.")
        names = names_of(deleted[:50])
        for run in deleted[:50]:
            left, right = st.columns([3, 1], vertical_alignment="center")
            left.markdown(f"{as_written(names[run.id])}  ·  {state_of(run)}")
            right.button("Restore", key=f"restore.{run.id}", on_click=_restore, args=([run.id],))
