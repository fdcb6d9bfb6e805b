"""What widgets are told by the page, and whether the browser has heard it.

A rerun that begins at once discards what the one before has told the browser and not yet sent; and
what a widget reports may be from before it was told something else.
"""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import streamlit as st

from app.state.visits import within

# Seconds, more where the page takes more than one to be drawn,
AGAIN = 1.0  # … for which a widget is told again what it was told.
DEAF = 10.0  # … after which a browser that does not answer is taken to have heard.
# Keys of the session. How often widgets were told something, the last time that the browser has
# answered, and whether it does.
TOLD, SAID, HEARD, ASKED, ANSWERS = "told", "said", "heard", "asked", "answers"


def said() -> dict[str, int]:
    """Return how often widgets were told something, and up to where the browser has answered.

    A component of the page hands it on, which answers.
    """
    st.session_state[ASKED] = True
    return {"told": st.session_state.get(SAID, 0), "heard": st.session_state.get(HEARD, 0)}


def heard(number: int) -> None:
    """Take the component's answer: the browser has all that was said up to then."""
    st.session_state[HEARD] = max(number, st.session_state.get(HEARD, 0))


class Told(NamedTuple):
    """What a widget was told last.

    Attributes:
        number: Of all that was said in the session; 0 for what it began with.
        moment: When.
        before: What it showed.
    """

    number: int
    moment: float
    before: Any

    @property
    def unheard(self) -> bool:
        """Whether the browser, which answers, has not done so yet."""
        waits = self.number > st.session_state.get(HEARD, 0)
        return bool(st.session_state.get(ANSWERS) and waits) and not self.older(DEAF)

    def older(self, seconds: float) -> bool:
        """Whether it is longer ago, by the pace of the page."""
        return not within(seconds, self.moment)


def listened() -> None:
    """Remember, once the page is drawn, whether a component was there to answer."""
    st.session_state[ANSWERS] = st.session_state.pop(ASKED, False)


def show_value(key: str, value: Any) -> None:
    """Let a widget show `value`; only where it differs, or what is being typed would be lost.

    Until the browser has answered, and for a moment where nobody answers, it is told again.
    """
    told: dict[str, Told] = st.session_state.setdefault(TOLD, {})
    if key not in st.session_state:
        told[key] = Told(0, time.monotonic(), None)
    elif (before := st.session_state[key]) != value:
        number = st.session_state[SAID] = st.session_state.get(SAID, 0) + 1
        told[key] = Told(number, time.monotonic(), before)
    if told[key].unheard or not told[key].older(AGAIN):
        st.session_state[key] = value


def overtaken(key: str, value: Any) -> bool:
    """Whether a widget reports what it showed before it was told something else a moment ago."""
    told = st.session_state.get(TOLD, {}).get(key, Told(0, -math.inf, None))
    answers = told.number and st.session_state.get(ANSWERS)
    late = told.unheard if answers else not told.older(2 * AGAIN)
    return bool(late and value == told.before)
