"""The page's head: title, one sentence, which view, and lecture mode."""

from __future__ import annotations

import streamlit as st

VIEWS = {
    "quadratic": "Drag a quadratic",
    "layer": "A real layer",
    "network": "A whole network",
}
SENTENCES = {
    "quadratic": r"An explicit step diverges once it passes $2/\lambda_{\max}$; the implicit step "
    "on the same problem cannot.",
    "layer": "The same factors over the measured spectrum of each layer, on real data.",
    "network": "Many short runs over step sizes: where training diverges, and where theory "
    "expects it.",
}


def header() -> tuple[str, bool]:
    """Show title, sentence and the choice of view; return the view and whether lecturing."""
    if st.query_params.get("lecture") == "1" and "lecture" not in st.session_state:
        st.session_state["lecture"] = True  # as people write it
    left, right = st.columns([1, 1], vertical_alignment="center")
    with left:
        st.title("Stability", anchor=False)
    with right, st.container(horizontal=True, horizontal_alignment="right", key="views"):
        view = st.segmented_control(
            "View",
            list(VIEWS),
            default="quadratic",
            required=True,
            format_func=VIEWS.__getitem__,
            key="view",
            bind="query-params",
            label_visibility="collapsed",
        )
        lecture = st.toggle(
            "Lecture", key="lecture", bind="query-params", help="Large type and thick lines."
        )
    view = view or "quadratic"
    if lecture:
        st.html("<style>.st-key-sentence p { font-size: 1.5rem; line-height: 1.2; }</style>")
    with st.container(key="sentence"):
        st.markdown(SENTENCES[view])
    return view, lecture
