"""The page's head: title, one sentence, which view, and lecture mode."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.state.url_state import arrived

FIRST = "stability.first"
STYLE, LECTURE = (Path(__file__).with_name(name) for name in ("style.css", "lecture.css"))
QUADRATIC, LAYERS, NETWORK = "Quadratic", "Real layers", "Whole network"
SENTENCES = {
    QUADRATIC: r"An explicit step diverges once it passes $2/\lambda_{\max}$; the implicit step "
    "on the same problem cannot.",
    LAYERS: "The same factors on real layers and data: what one step leaves of the change asked "
    "of a layer.",
    NETWORK: "Many short runs over step sizes: where training diverges, and where theory expects "
    "it.",
}


def header() -> tuple[str, bool]:
    """Show title, sentence and the choice of view; return the view and whether lecturing."""
    if st.query_params.get("lecture") == "1" and "lecture" not in st.session_state:
        st.session_state["lecture"] = True  # as people write it
    st.html(STYLE)
    left, right = st.columns([1, 1], vertical_alignment="center")
    with left:
        st.title("Stability", anchor=False)
    with right, st.container(horizontal=True, horizontal_alignment="right", key="views"):
        view = st.segmented_control(
            "View",
            list(SENTENCES),
            default=_first_view(),
            required=True,
            key="view",
            bind="query-params",
            label_visibility="collapsed",
        )
        lecture = st.toggle(
            "Lecture", key="lecture", bind="query-params", help="Large type and thick lines."
        )
    if lecture:
        st.html(LECTURE)
    with st.container(key="sentence"):
        st.markdown(SENTENCES[view or QUADRATIC])
    return view or QUADRATIC, lecture


def _first_view() -> str:
    """Return the view of a link that names none: the one its other parts belong to."""
    if arrived() or FIRST not in st.session_state:
        query = st.query_params
        of_parts = NETWORK if "sweep" in query else LAYERS if "net" in query else QUADRATIC
        st.session_state[FIRST] = QUADRATIC if "view" in query else of_parts
    view: str = st.session_state[FIRST]
    return view
