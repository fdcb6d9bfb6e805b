"""Start, pause, resume, stop a race; and the switch to lecture mode."""

from __future__ import annotations

import streamlit as st

from app.compare import acting
from app.compare.draft import RaceDraft
from app.components.run_titles import config_of
from app.components.toggle import toggle
from app.components.transport import (
    pause_and_stop_buttons,
    resume_button,
    start_button,
    stop_button,
)
from proxprop.runs.record import Run


def transport(draft: RaceDraft, race: Run | None) -> None:
    """Show the buttons that make sense for the race as it stands."""
    with st.container(
        horizontal=True,
        horizontal_alignment="right",
        vertical_alignment="center",
        key="transport",
    ):
        _lecture(draft)
        if race is None or race.status == "ended":
            _idle(draft, race)
        elif race.status in ("queued", "starting"):
            stop_button(race)
        else:
            _moving(race)


def differs(draft: RaceDraft, race: Run | None) -> bool:
    """Whether the form says something else than the race on show."""
    return race is not None and draft.config() not in (None, config_of(race))


def _lecture(draft: RaceDraft) -> None:
    toggle(
        "Lecture",
        draft.lecture,
        key="race.lecture",
        help="Large type and thick lines, without the form.",
        on_change=acting.set_lecture,
    )


def _idle(draft: RaceDraft, race: Run | None) -> None:
    if race is not None and race.resumable:
        resume_button(race)
    start_button("a new race", acting.start, disabled=draft.config() is None)


def _moving(race: Run) -> None:
    pause_and_stop_buttons(race)
