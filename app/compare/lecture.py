"""The page in a lecture hall: no form, and type that the last row reads."""

from __future__ import annotations

import streamlit as st

from app.compare.draft import RaceDraft
from app.compare.form import presets

STYLE = """<style>
.st-key-race-head .stColumn:last-child [data-testid="stVerticalBlock"] { flex-flow: row nowrap;
  align-items: center; justify-content: flex-end; }
.st-key-race-head .st-key-transport { flex-wrap: nowrap; }
.st-key-race-head div:has(> .st-key-transport) { flex: 0 0 auto; width: auto; }
.st-key-race-head .st-key-transport button { white-space: nowrap; }
.st-key-race-head h1 { font-size: 1.9rem; }
.st-key-race-head [data-testid="stCaptionContainer"] p { font-size: 1.2rem; line-height: 1.2;
  white-space: normal; }
.st-key-race-head [data-baseweb="select"] { font-size: 1.2rem; }
.race-table.race-lecture { font-size: 1.3rem; line-height: 1.15; }
.race-lecture small { font-size: 0.8em; }
.race-lecture tr > :nth-child(4) { display: none; }
.race-lecture i { top: 0.85em; }
</style>"""


def lectern(draft: RaceDraft) -> None:
    """Offer the fields of contenders, in place of the whole form."""
    st.html(STYLE)
    presets(draft, label_visibility="collapsed")
