"""The switch in every page's head, and the bar at the foot of a page in a lecture."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.components.notation import as_written, typeset
from app.lecture.adding import add_view
from app.lecture.scenes import leave_lecture, shown, switch, want
from app.live.component import mount
from app.permits import this_role
from app.state.lecturing import Lecturing
from app.state.telling import show_value
from proxprop.lessons.lecture import PAGES

STYLE = Path(__file__).with_name("style.css")
# Where pages let a person choose what is shown.
CHOICES = (
    *(".st-key-layers-bar", ".st-key-sweep-bar", ".st-key-layers-measures"),
    *(".st-key-controls .stColumn:nth-child(-n+2)", ".st-key-controls .stColumn:last-child"),
    *(".stColumn:has(.st-key-views)", ".stColumn:has(.st-key-layers-view)"),
)
KEY, SWITCH = "lecture-bar", "lecture-switch"


def lecture_head(page: str) -> None:
    """Show the switch of lecture mode and, outside it, the way to keep this view as a scene."""
    on = Lecturing.current().on
    if on:
        st.html(STYLE)
    if shown() is not None:  # what a scene shows is chosen
        st.html(f"<style>{', '.join(CHOICES)} {{ display: none; }}</style>")
    with st.container(key="lecture-tools", horizontal=True, vertical_alignment="center"):
        if not on and this_role() == "presenter":
            add_view(page)
        show_value(SWITCH, on)
        st.toggle(
            "Lecture",
            key=SWITCH,
            help="Large type, the picture first, only what a room needs.  [Esc leaves]",
            on_change=lambda: switch(st.session_state[SWITCH]),
        )


def lecture_bar(page: str) -> None:
    """Show scene, place and ways on at the foot of a page in lecture mode; it owns the keys."""
    if not Lecturing.current().on:
        return
    data = {"page": page, "pages": list(PAGES), "place": 0, "count": 0, "scene": page}
    if (at := shown()) is not None:
        following = at.lecture.scenes[at.number : at.number + 1]
        data |= at.scene.model_dump(include={"title", "notes", "expect", "arrive"})
        data |= {
            "lecture": at.lecture.title,
            "place": at.number,
            "count": len(at.lecture.scenes),
            "next": following[0].title if following else "",
            "scene": f"{at.name}.{at.number}",
        }
    mount("lecture", data, key=KEY, height=1, on_moved_change=_move, on_left_change=leave_lecture)


def heading(title: str, sentence: str = "") -> None:
    """Show a page's title, at a desk its sentence, too; a scene's words for the room instead."""
    if (at := shown()) is not None:
        with st.container(key="scene-words"):
            st.markdown(typeset(at.scene.words) or f"**{as_written(at.scene.title)}**")
        return
    st.title(title, anchor=False)
    if sentence and not Lecturing.current().on:
        st.caption(sentence)


def _move() -> None:
    number = st.session_state[KEY].moved
    at = shown()
    if at is not None and isinstance(number, int) and 1 <= number <= len(at.lecture.scenes):
        want(at.name, number)
