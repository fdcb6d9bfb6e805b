"""Small tables to read: a few rows, of which none is chosen or sorted.

Streamlit's own brings a megabyte of script to a page; these are plain HTML that reads aloud.
"""

from __future__ import annotations

import pandas as pd
import streamlit as st


def show_table(frame: pd.DataFrame, label: str) -> None:
    """Show a table; its first column says what each row is about.

    Args:
        frame: Texts, as a person reads them.
        label: What the table is, for who cannot see it.
    """
    first = str(frame.columns[0])
    st.html(table_html(frame.set_index(first).rename_axis(index=None, columns=first), label))


def table_html(frame: pd.DataFrame, label: str) -> str:
    """Return a table whose index says what each row is about; a small screen scrolls in it."""
    with pd.option_context("display.max_colwidth", None):
        table = frame.to_html(border=0)
    region = f'class="proxprop-table" tabindex="0" role="region" aria-label="{label}"'
    return f"<div {region}>{table}</div>"
