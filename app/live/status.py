"""How runs stand, live; the page reruns once when a run starts, pauses or ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.components.run_settings import changes_of
from app.components.run_titles import MEANINGS, STATES
from app.live.component import mount
from app.services import get_store
from app.state.telling import heard, said
from proxprop.runs.record import Run

ROW_HEIGHT = 62
SHOWN = ("status", "outcome", "words", "stale")
DELETED = {"status": "deleted", "outcome": None, "words": "", "stale": False, "changes": 0}


def live_status(
    runs: Run | Sequence[Run],
    *,
    key: str,
    labels: Sequence[str] | None = None,
    lecture: bool = False,
    changes: int | None = None,
) -> None:
    """Show status, progress with time left, step, epoch, seconds and the current loss.

    The page reruns once whenever the status, the outcome or the sign of life of a run changes, or
    a setting of it, so that buttons and settings follow; at once where a status has changed since
    the page read it, for what it drew in between.

    Args:
        runs: One run or several, as the page has read them.
        key: Identity on the page.
        labels: Names shown before each row; none for a single run.
        lecture: Larger type.
        changes: How many changes of its settings the page shows of a single run, where they were
            read before; all that there are if None.
    """
    drawn = [runs] if isinstance(runs, Run) else runs
    ids = [run.id for run in drawn]
    known = get_store().get(ids)
    if any(run.id in known and known[run.id].status != run.status for run in drawn):
        st.rerun()
    states = {
        run_id: {name: getattr(known[run_id], name) for name in SHOWN}
        | {"changes": changes_of(run_id) if changes is None else changes}
        if run_id in known
        else dict(DELETED)
        for run_id in ids
    }
    data: dict[str, Any] = {"runs": ids, "labels": list(labels or []), "states": states}
    height = None if lecture else ROW_HEIGHT * max(1, len(ids))
    data |= {"looks": STATES, "meanings": MEANINGS, "lecture": lecture, **said()}
    mount(
        "status",
        data,
        key=key,
        height=height,
        on_changed_change=lambda: None,
        on_heard_change=lambda: heard(st.session_state[key].heard or 0),
    )
