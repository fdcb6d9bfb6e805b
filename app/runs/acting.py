"""What the Runs page does to runs, each in words if it cannot."""

from __future__ import annotations

import streamlit as st

from app import state
from app.actions import in_words
from app.attached import marks_of, settings_in_force
from app.services import get_service, get_store
from app.snippet import replayable
from proxprop.spec.config import RunConfig

DELETED = "runs.deleted"  # ids deleted last, for the undo button


def delete(run_ids: list[str]) -> None:
    """Put runs in the bin and remember them for undo."""
    with in_words():
        for run_id in run_ids:
            get_service().delete(run_id)
        st.session_state[DELETED] = run_ids


def restore(run_ids: list[str]) -> None:
    """Take runs out of the bin."""
    with in_words():
        for run_id in run_ids:
            get_store().restore(run_id)
        st.session_state.pop(DELETED, None)


def rename(run_id: str) -> None:
    """Take over the name typed beside a run."""
    with in_words():
        get_store().rename(run_id, st.session_state[f"name.{run_id}"])


def note(run_id: str) -> None:
    """Take over the notes typed beside a run."""
    with in_words():
        get_store().note(run_id, st.session_state[f"notes.{run_id}"])


def tag(run_id: str) -> None:
    """Take over the tags chosen beside a run."""
    with in_words():
        get_store().tag(run_id, st.session_state[f"tags.{run_id}"])


def duplicate(run_id: str) -> None:
    """Put a run's last settings on the Train page's form, detached from it."""
    with in_words():
        config = get_store().run(run_id).config
        if isinstance(config, RunConfig):
            state.replace(settings_in_force(config, marks_of(get_store(), run_id)))


def replay(run_id: str) -> None:
    """Put a run's settings there with its live changes planned at their steps."""
    with in_words():
        config = replayable(get_store(), get_store().run(run_id))
        if isinstance(config, RunConfig):
            state.replace(config)
