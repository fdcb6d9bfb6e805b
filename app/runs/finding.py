"""The Runs page's search and filters; all of them are in the link."""

from __future__ import annotations

import streamlit as st

from app.runs.listing import ORDERS, Filter
from app.words import CHOICES, SOLVERS, STATES


def finding() -> Filter:
    """Show search, filters and order in one bar; return what is looked for."""
    search, status, data, direction, order = st.columns([2, 1.4, 1.4, 1.4, 1])
    with search:
        words = st.text_input(
            "Search",
            key="q",
            bind="query-params",
            placeholder="words in name, notes, tags or settings",
            type="search",
        )
    with status:
        states = st.multiselect(
            "Status", list(STATES.values()), key="status", bind="query-params", placeholder="any"
        )
    with data:
        sets = st.multiselect(
            "Data",
            list(CHOICES["data.name"].values()),
            key="data",
            bind="query-params",
            placeholder="any",
        )
    with direction:
        steps = st.multiselect(
            "Weight step",
            list(SOLVERS.values()),
            key="direction",
            bind="query-params",
            placeholder="any",
        )
    with order:
        chosen = st.selectbox(
            "Order",
            list(ORDERS),
            format_func=lambda name: ORDERS[name],
            key="order",
            bind="query-params",
        )
    return Filter(words or "", states, sets, steps, chosen)
