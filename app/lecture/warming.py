"""What the scenes of a lecture ask of a process with torch is answered before they are reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

import streamlit as st

from app.components.recorded import recorded
from app.lecture.scenes import shown
from app.permits import this_role
from app.questions import get_questions
from app.state.url_state import Query
from proxprop.analysis.questions import Question
from proxprop.spec.config import ConfigError

WARMED = "lecture.warmed"  # session key: the lecture whose scenes have been asked for

# Page → what a link to it asks.
Asked = Mapping[str, Callable[[Query], Question | None]]


def warm(asked: Asked) -> None:
    """Have what the scenes of the lecture on show will ask answered aside, once a session."""
    at = shown()
    if at is None or this_role() != "presenter" or st.session_state.get(WARMED) == at.name:
        return
    st.session_state[WARMED] = at.name
    questions: list[Question] = []
    for scene in at.lecture.scenes[at.number :]:
        with suppress(ConfigError):  # the scene itself says why
            if scene.page in asked and (question := asked[scene.page](scene.query)) is not None:
                questions.append(question)
    get_questions().prepare([q for q in questions if recorded(q, q.parts[0]) is None])
