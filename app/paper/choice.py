"""URL ⇄ controls: which experiment, which of its recordings, lecture mode."""

from __future__ import annotations

import time
from dataclasses import dataclass

import streamlit as st

from app.paper.recordings import Library, Recording

FIRST = "mlp"
SETTLE = 1.0  # seconds within which a rerun may still carry the URL from before our last change
PREFIX, WRITTEN = "paper.", "paper-written"


@dataclass(frozen=True)
class Choice:
    """What the page shows.

    Attributes:
        experiment: As a link calls it.
        recording: The recording shown; None where there is none.
        lecture: Large type.
    """

    experiment: str
    recording: Recording | None
    lecture: bool


def controls(found: Library) -> Choice:
    """Show the bar of controls and return what it says; the URL follows."""
    _arrive()
    names = found.experiments()
    asked = st.query_params.get("experiment", FIRST)
    experiment = st.segmented_control(
        "Experiment",
        list(names),
        format_func=names.__getitem__,
        default=asked if asked in names else FIRST,
        required=True,
        key=f"{PREFIX}experiment",
        label_visibility="collapsed",
    )
    experiment = experiment or FIRST
    recording = _recording(experiment, found)
    lecture = st.toggle(
        "Lecture",
        value=st.query_params.get("lecture") in ("1", "true"),
        key=f"{PREFIX}lecture",
        help="Large type and thick lines.",
    )
    _leave(experiment, recording, found, lecture)
    return Choice(experiment, recording, lecture)


def _recording(experiment: str, found: Library) -> Recording | None:
    options = found.of(experiment)
    if not options:
        return None
    names = list(options)
    asked = st.query_params.get("recording", "")
    chosen = st.selectbox(
        "Recording",
        names,
        index=names.index(asked) if asked in names else 0,
        format_func=lambda name: options[name].label,
        key=f"{PREFIX}recording.{experiment}",
        label_visibility="collapsed",
        help="Recordings shipped with the package, and those that `proxprop paper` made here.",
        width=316,
    )
    return options.get(chosen)


def _arrive() -> None:
    """Let the URL win where it changed by itself: a link, the back button."""
    written, when = st.session_state.get(WRITTEN, ({}, 0.0))
    if st.query_params.to_dict() != written and time.monotonic() - when > SETTLE:
        for key in [key for key in st.session_state if str(key).startswith(PREFIX)]:
            del st.session_state[key]


def _leave(experiment: str, recording: Recording | None, found: Library, lecture: bool) -> None:
    """Write what differs from the defaults to the URL."""
    first = next(iter(found.of(experiment)), "")
    parts = {
        "experiment": experiment if experiment != FIRST else "",
        "recording": recording.name if recording is not None and recording.name != first else "",
        "lecture": "1" if lecture else "",
    }
    query = {name: text for name, text in parts.items() if text}
    if query != st.query_params.to_dict():
        st.query_params.from_dict(query)
    if st.session_state.get(WRITTEN, ({},))[0] != query:
        st.session_state[WRITTEN] = (query, time.monotonic())
