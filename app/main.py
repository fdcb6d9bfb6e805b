"""Every rerun starts here: navigation, style, and the guard around the page."""

from __future__ import annotations

import sys
from pathlib import Path

# Streamlit puts `app/` on the path, not the repository; pages import `app.…` and `proxprop.…`.
ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402

from app.guard import guard  # noqa: E402
from app.live.chart import preload  # noqa: E402
from app.state.url_state import visit  # noqa: E402

PAGES = ROOT / "pages"

st.set_page_config(page_title="ProxProp", page_icon=ROOT / "app" / "icon.svg", layout="wide")
st.html(ROOT / "app" / "style.css")
page = st.navigation(
    [
        st.Page(PAGES / "home.py", title="Home", url_path="home", default=True),
        st.Page(PAGES / "train.py", title="Train", url_path="train"),
        st.Page(PAGES / "stability.py", title="Stability", url_path="stability"),
        st.Page(PAGES / "compare.py", title="Compare", url_path="compare"),
        st.Page(PAGES / "layers.py", title="Layers", url_path="layers"),
        st.Page(PAGES / "paper.py", title="Paper", url_path="paper"),
        st.Page(PAGES / "runs.py", title="Runs", url_path="runs"),
    ],
    position="top",
)
visit(page.url_path)
with guard():
    page.run()
preload()
