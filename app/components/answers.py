"""Waiting for what only a process with torch knows, with progress on the page."""

from __future__ import annotations

import time
from typing import Any

import streamlit as st

from app.components.recorded import recorded
from app.ownership import this_owner
from app.questions import QuestionFailed, get_questions
from proxprop.analysis.questions import Question


def answered(question: Question, part: str, title: str) -> dict[str, Any]:
    """Return a part of the answer to a question, showing meanwhile what is done and for how long.

    A default question has a recorded answer until this machine is asked for its own.

    Raises:
        QuestionFailed: With the reason for the person who asked.
    """
    if (known := recorded(question, part)) is not None:
        return known
    place, start = st.empty(), time.monotonic()

    def report(doing: str, share: float | None) -> None:
        elapsed = f"({time.monotonic() - start:.0f} s)"
        place.progress(share or 0.0, text=f"{title}: {doing} … {elapsed}")

    try:
        answer = get_questions().answer(question, part, report, this_owner())
    except QuestionFailed:
        place.empty()
        raise
    place.empty()
    return answer
