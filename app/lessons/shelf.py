"""The shelf: shipped lectures, and one's own to open, edit, take away and bring back."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.components.notation import as_written
from app.edge.uploads import UPLOADS, let_go
from app.guard import reporting, take_problem
from app.lecture.scenes import want
from app.permits import permit, this_role
from proxprop.lessons.lecture import Lecture, Scene
from proxprop.lessons.shelf import find_lecture, lessons, name_for, own_files, save, shipped
from proxprop.spec.config import ConfigError

IMPORTED = "lectures.imported"


def shelf() -> None:
    """Show the lectures: shipped ones, then those that can be changed."""
    st.subheader("Lectures", anchor=False)
    if problem := take_problem():
        st.error(problem)
    for name, lecture in shipped().items():
        if name not in lessons():
            _line(name, lecture)
    for name, path in own_files().items():
        try:
            lecture = Lecture.read(path)
        except ConfigError as error:
            st.warning(as_written(str(error)))
            continue
        _line(name, lecture)
        if this_role() != "presenter":
            continue
        with st.expander(f"Edit “{as_written(lecture.title)}”", key=f"edit.{name}"):
            _editor(name, lecture)
    _import()


def _line(name: str, lecture: Lecture) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"lecture-{name}"):
        st.button(
            "Open",
            key=f"open.{name}",
            icon=":material/co_present:",
            on_click=want,
            args=(name, 1),
            kwargs={"afresh": True},
        )
        st.download_button(
            "Export",
            lecture.to_toml(),
            f"{name}.toml",
            "application/toml",
            key=f"export.{name}",
            icon=":material/download:",
            on_click="ignore",
        )
        scenes = "1 scene" if len(lecture.scenes) == 1 else f"{len(lecture.scenes)} scenes"
        st.markdown(
            " · ".join(filter(None, (f"**{as_written(lecture.title)}**", scenes, lecture.about)))
        )


def _editor(name: str, lecture: Lecture) -> None:
    """Let a person retitle, move and delete scenes; each change is written down at once."""
    last = len(lecture.scenes) - 1
    for at, scene in enumerate(lecture.scenes):
        with st.container(horizontal=True, vertical_alignment="bottom", key=f"scene-{name}-{at}"):
            key = f"title.{name}.{at}.{scene.title}"
            st.text_input(
                f"Scene {at + 1}: {as_written(scene.link[:60])}",
                scene.title,
                key=key,
                max_chars=120,
                on_change=_retitle,
                args=(name, at, key),
            )
            for label, icon, to, off in (
                ("Up", "arrow_upward", at - 1, at == 0),
                ("Down", "arrow_downward", at + 1, at == last),
                ("Delete", "close", None, last == 0),
            ):
                st.button(
                    label,
                    key=f"{label}.{name}.{at}",
                    icon=f":material/{icon}:",
                    type="tertiary",
                    on_click=_move,
                    args=(name, at, to),
                    disabled=off,
                )
    st.button("Delete this lecture", key=f"delete.{name}", on_click=_delete, args=(name,))


def _import() -> None:
    if this_role() != "presenter":
        return
    UPLOADS.permit()
    round = st.session_state.setdefault(IMPORTED, 0)  # a new key lets go of the file that was sent
    key = f"{IMPORTED}.{round}"
    st.file_uploader(
        "Import a lecture",
        type="toml",
        max_upload_size=1,
        key=key,
        help="A file as Export makes it, or written by hand.",
        on_change=_take,
        args=(key,),
    )


def _take(key: str) -> None:
    sent = st.session_state[key]
    if sent is None:
        return
    st.session_state[IMPORTED] += 1
    text = sent.getvalue().decode("utf-8", errors="replace")
    let_go(sent)  # or the next file would be refused
    with reporting():
        permit("keep a lecture")
        lecture = Lecture.from_toml(text, sent.name)
        taken = {**shipped(), **own_files()}
        name = wanted = name_for(lecture.title)
        number = 2
        while name in taken:
            name, number = f"{wanted}-{number}", number + 1
        save(name, lecture)


def _retitle(name: str, at: int, key: str) -> None:
    def titled(scenes: list[Scene]) -> None:
        scenes[at] = Scene.parse({**scenes[at].model_dump(), "title": st.session_state[key]})

    _change(name, titled)


def _move(name: str, at: int, to: int | None) -> None:
    def moved(scenes: list[Scene]) -> None:
        scene = scenes.pop(at)
        if to is not None:
            scenes.insert(to, scene)

    _change(name, moved)


def _change(name: str, edit: Callable[[list[Scene]], None]) -> None:
    with reporting():
        permit("keep a lecture")
        lecture = find_lecture(name)
        if lecture is not None:
            scenes = list(lecture.scenes)
            edit(scenes)
            save(name, lecture.model_copy(update={"scenes": tuple(scenes)}))


def _delete(name: str) -> None:
    with reporting():
        permit("keep a lecture")
        own_files()[name].unlink(missing_ok=True)
