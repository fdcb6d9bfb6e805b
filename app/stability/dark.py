"""Whether the page is dark, for figures that the server draws."""

from __future__ import annotations

import streamlit as st


def is_dark() -> bool:
    """Return whether this browser shows the dark theme."""
    return st.context.theme.type == "dark"
