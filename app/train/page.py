"""Which run the Train page shows, and the draft beside it."""

from __future__ import annotations

import streamlit as st

from app.components.run_settings import settings_in_force
from app.services import get_store
from app.state import editing as state
from app.state.url_state import arrived
from proxprop.runs.errors import UnknownRunError
from proxprop.runs.record import Run
from proxprop.spec.config import RunConfig
from proxprop.spec.config.query import flatten


def arrive() -> Run | None:
    """Bring URL, draft and run together; return the run the page shows, if any."""
    query = st.query_params.to_dict()
    draft: state.Draft | None = st.session_state.get(state.KEY)
    if state.url_changed(draft, query, arrived()):
        draft = _from_url(query)
    assert draft is not None  # url_changed is True without one
    run = _run(draft.run)
    draft.live = run is not None and run.status != "ended"
    if run is not None and draft.live:
        _follow(draft, run)
    draft.config()
    return run


def _from_url(query: dict[str, str]) -> state.Draft:
    run = _run(query.get("run"))
    base = settings_in_force(run) if run is not None else RunConfig()
    return state.from_url(query, base, run.id if run is not None else None)


def _run(run_id: str | None) -> Run | None:
    if not run_id:
        return None
    try:
        run = get_store().run(run_id)
    except UnknownRunError as error:
        st.warning(f"{error} Choose another on the Runs page, or press Start for a new one.")
        return None
    if not isinstance(run.config, RunConfig):
        st.warning(f"Run {run_id} is a {run.kind}; it has no page of its own yet.")
        return None
    return run


def _follow(draft: state.Draft, run: Run) -> None:
    """Take over what another window, or a planned change, set in the meantime."""
    now, before = flatten(settings_in_force(run)), flatten(draft.base)
    for name in state.LIVE:
        if now[name] != before[name]:
            draft.values[name] = now[name]
    draft.base = settings_in_force(run)
