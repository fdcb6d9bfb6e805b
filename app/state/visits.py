"""Which page is shown, whether the person just came to it, and how long it takes to be drawn."""

from __future__ import annotations

import time

import streamlit as st

# Keys of the session: whether the person just came, to which page, when it began to be drawn, and
# how long that last took.
ARRIVED, PAGE, BEGAN, TOOK = "arrived", "page", "began", "took"


def visit(page: str) -> None:
    """Remember which page is shown, and whether the person just came to it."""
    st.session_state[ARRIVED] = st.session_state.get(PAGE) != page
    st.session_state[PAGE] = page
    st.session_state[BEGAN] = time.monotonic()


def drawn() -> None:
    """Remember how long the page took: where it draws slowly, the browser answers as late."""
    st.session_state[TOOK] = time.monotonic() - st.session_state[BEGAN]


def arrived() -> bool:
    """Whether the person just came to this page from another one."""
    return bool(st.session_state.get(ARRIVED, True))


def within(seconds: float, moment: float) -> bool:
    """Whether `moment` is less than `seconds` ago, or than the page has last taken so often."""
    pace: float = max(1.0, st.session_state.get(TOOK, 0.0))
    return time.monotonic() - moment < seconds * pace
