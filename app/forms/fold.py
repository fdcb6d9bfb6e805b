"""A folded group of settings: a button that says what is inside, and its fields once opened."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st


def fold(title: str, name: str, content: Callable[[], None]) -> None:
    """Show a button that opens `content` over the page.

    Fields of a closed group do not exist: the browser would keep their old values and report
    them as changes once a preset or a link had set new ones.
    """
    key, held = f"group.{name}", f"title.{name}"
    if not st.session_state.get(key):
        st.session_state[held] = title
    # A new title makes a new popover, which would close under the hands of who is changing it.
    shown = st.session_state.setdefault(held, title)
    with st.popover(shown, key=key, width="stretch", on_change="rerun") as group:
        if group.open:
            content()
