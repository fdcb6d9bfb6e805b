"""The scene on show, moving to another, and what happens on arrival."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import streamlit as st

from app.ownership import this_owner
from app.permits import this_role
from app.services import get_store
from app.state.lecturing import ALONE, Lecturing
from app.state.url_state import UrlState
from app.state.visits import PAGE
from proxprop.lessons.lecture import MODE, Lecture, Scene
from proxprop.lessons.shelf import find_lecture
from proxprop.spec.config import ConfigError

WANTED = "lecture.wanted"  # session key: where to go next: (lecture, number)
MOVED_TO = "lecture.moved-to"  # session key: the scene that was moved to from another
LEFT = "lecture.left"  # session key: page and scene at which lecture mode was left
ARRIVED_AT = "lecture.arrived-at"  # session key: the scene whose arrival is dealt with

State = TypeVar("State", bound=UrlState)

# Which run a scene has started, by browser, lecture, number and link: it is attached to again.
_STARTED: dict[tuple[str, str, int, str], str] = {}


class Shown(NamedTuple):
    """A scene in its lecture."""

    name: str
    lecture: Lecture
    number: int

    @property
    def scene(self) -> Scene:
        """The scene itself."""
        return self.lecture.scenes[self.number - 1]


def shown() -> Shown | None:
    """Return the scene on show, None outside a lecture or where its file is gone."""
    lecturing = Lecturing.current()
    try:
        lecture = find_lecture(lecturing.name) if lecturing.name else None
    except ConfigError:
        return None
    if lecture is None:
        return None
    number = min(max(1, lecturing.number), len(lecture.scenes))
    return Shown(lecturing.name, lecture, number)


def want(name: str, number: int, *, afresh: bool = False) -> None:
    """Go to a scene with the next rerun; `afresh` forgets what its lecture has started so far."""
    st.session_state[WANTED] = (name, number)
    if afresh:
        mine = this_owner(), name
        for key in [key for key in _STARTED if key[:2] == mine]:
            del _STARTED[key]


def take_wanted() -> tuple[str, dict[str, str]] | None:
    """Return, once, page and query of the scene to go to."""
    name, number = st.session_state.pop(WANTED, ("", 0))
    lecture = find_lecture(name) if name else None
    if lecture is None or not 1 <= number <= len(lecture.scenes):
        return None
    Lecturing.current().show_scene(name, number)
    st.session_state.pop(ARRIVED_AT, None)
    st.session_state[MOVED_TO] = Lecturing.current().place
    scene = lecture.scenes[number - 1]
    return scene.page, {**scene.query, MODE: f"{name}.{number}"}


def scene_data() -> dict[str, str]:
    """Return what a picture with a link of its own needs: the scene, and its query on arrival.

    After a reload the address says more than the scene: there is no query then.
    """
    at = shown()
    if at is None:
        return {}
    place = Lecturing.current().place
    moved = st.session_state.get(MOVED_TO) == place
    return {"scene": place} | ({"query": at.scene.link.partition("?")[2]} if moved else {})


def leave_lecture() -> None:
    """Leave lecture mode; the page stays."""
    lecturing = Lecturing.current()
    st.session_state[LEFT] = st.session_state.get(PAGE), lecturing.place
    lecturing.place = ""


def switch(on: bool) -> None:
    """Switch lecture mode off, or on: in the scene just left on this page, or without a lecture."""
    if not on:
        leave_lecture()
        return
    page, place = st.session_state.get(LEFT, ("", ""))
    here = page == st.session_state.get(PAGE)
    Lecturing.current().place = place if here and place else ALONE


def arrive_at_scene(state: State, field: str, start: Callable[[], Any]) -> State:
    """Start what the scene on show starts, once; who comes back to it is attached to it again.

    Args:
        state: The page's.
        field: The state's field that names the run.
        start: Starts it and has the state name it.

    Returns:
        The page's state, which may be another.
    """
    at = shown()
    place = Lecturing.current().place
    if (
        this_role() != "presenter"
        or at is None
        or at.scene.arrive != "start"
        or st.session_state.get(ARRIVED_AT) == place
    ):
        return state
    st.session_state[ARRIVED_AT] = place
    if getattr(state, field):
        return state
    key = (this_owner(), at.name, at.number, at.scene.link)
    if (run := _STARTED.get(key, "")) and _is_kept(run):
        type(state).from_query({**(state.to_query() or {}), field: run}).show()
        return type(state).current()
    start()
    _STARTED[key] = getattr(state, field)
    return state


def _is_kept(run_id: str) -> bool:
    run = get_store().get([run_id]).get(run_id)
    return run is not None and run.deleted is None
