"""*Add this view to a lecture*: the link of the page as it stands becomes a scene."""

from __future__ import annotations

import streamlit as st

from app.components.notation import as_written
from app.guard import reporting
from app.permits import permit
from proxprop.lessons.lecture import MODE, Lecture, Scene
from proxprop.lessons.shelf import find_lecture, name_for, own_files, save

NEW = "a new one"
TITLE, WHERE, CALLED, WORDS = (f"lecture.{name}" for name in ("title", "where", "name", "words"))


def add_view(page: str) -> None:
    """Offer to add the page as it stands to a lecture of one's own."""
    with st.popover(
        "Add to a lecture", key="lecture.add", icon=":material/playlist_add:", on_change="rerun"
    ) as opened:
        if not opened.open:
            return
        st.text_input("Title of the scene", key=TITLE, max_chars=120, placeholder=page.title())
        st.text_area("Words for the room", key=WORDS, max_chars=600, height=80)
        st.selectbox("Lecture", [*own_files(), NEW], key=WHERE)
        if st.session_state[WHERE] == NEW:
            st.text_input("What it is called", key=CALLED, max_chars=120, placeholder="My lecture")
        st.button(
            "Add this view", key="lecture.add-it", type="primary", on_click=_add, args=(page,)
        )


def _add(page: str) -> None:
    query = {name: text for name, text in st.query_params.items() if name != MODE}
    title = st.session_state[TITLE].strip() or page.title()
    new = st.session_state[WHERE] == NEW
    called = (st.session_state.get(CALLED) or "").strip() or "My lecture"
    name = name_for(called) if new else st.session_state[WHERE]
    with reporting():
        permit("keep a lecture")
        scene = Scene.parse(
            {"title": title, "link": Scene.link_to(page, query), "words": st.session_state[WORDS]}
        )
        before = find_lecture(name)
        scenes = (*(before.scenes if before else ()), scene)
        lecture = before.model_copy(update={"scenes": scenes}) if before else None
        save(name, lecture or Lecture(title=called, scenes=scenes))
        whole = as_written(lecture.title if lecture else called)
        st.toast(f"Added to “{whole}” as scene {len(scenes)}.")
        st.session_state[TITLE] = st.session_state[WORDS] = ""
