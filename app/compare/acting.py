"""What the Compare page's buttons do, each in words if it cannot."""

from __future__ import annotations

import streamlit as st

from app.compare.arrive import attach, current
from app.components.transport import owner
from app.guard import reporting
from app.live.chart import XAxis
from app.services import get_service
from proxprop.spec.config import SearchConfig
from proxprop.spec.racing import RACE_PRESETS

PRESET = "race.preset"


def start() -> None:
    """Start the race on the form and attach the page to it."""
    config = current().config()
    if config is None:
        return
    with reporting():
        attach(config, get_service().start(config, "", owner()))


def take_preset() -> None:
    """Put a preset's contenders on the form; data, network and budget stay."""
    chosen = next((p for p in RACE_PRESETS if p.label == st.session_state[PRESET]), None)
    draft = current()
    config = draft.config()
    if chosen is not None:
        with reporting():
            draft.show(chosen.applied(config) if config is not None else chosen.config)
        draft.touch()


def add() -> None:
    """Add a contender."""
    current().add()


def duplicate(index: int) -> None:
    """Copy a contender."""
    current().duplicate(index)


def remove(index: int) -> None:
    """Remove a contender."""
    current().remove(index)


def rename(index: int, key: str) -> None:
    """Take over the name typed for a contender."""
    draft = current()
    draft.contenders[index].label = st.session_state[key].strip()[:60]
    draft.touch()


def set_seeds(key: str) -> None:
    """Take over how many seeds are raced."""
    draft = current()
    draft.seeds = st.session_state[key]
    draft.touch()


def set_search(field: str, key: str) -> None:
    """Switch the search on or off, or change one of its settings."""
    draft = current()
    value = st.session_state[key]
    if field == "on":
        draft.search = SearchConfig() if value else None
    elif draft.search is not None and value is not None:
        with reporting():
            draft.search = draft.search.replace(**{field: value})
    draft.touch()


def set_baseline(key: str) -> None:
    """Compare times with another contender."""
    draft = current()
    draft.baseline = st.session_state[key]
    draft.touch()


def set_added(key: str) -> None:
    """Draw other finished runs beside the race."""
    draft = current()
    draft.added = list(st.session_state[key])
    draft.touch()


def set_target(quantity: str, value: float) -> None:
    """Take over where the target was dragged to."""
    draft = current()
    draft.targets[quantity] = value
    draft.touch()


def set_searched(key: str) -> None:
    """Look at the search in place of the race, or back."""
    draft = current()
    draft.searched = st.session_state[key]
    draft.touch()


def set_lecture(key: str) -> None:
    """Switch lecture mode on or off."""
    draft = current()
    draft.lecture = st.session_state[key]
    draft.touch()


def set_view(quantity: str, axis: XAxis, log: bool, smooth: bool) -> None:
    """Take over what is looked at, so that it is in the link."""
    draft = current()
    draft.quantity, draft.axis, draft.log, draft.smooth = quantity, axis, log, smooth
    draft.touch()
