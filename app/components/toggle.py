"""A switch that follows the draft, also where a link has changed it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st


def toggle(
    label: str, value: bool, *, key: str, help: str, on_change: Callable[[str], None]
) -> None:
    """Show a switch at `value`; `on_change` gets the key of what a person makes of it."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value
    st.toggle(label, key=key, help=help, on_change=on_change, args=(key,))
