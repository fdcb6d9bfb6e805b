"""What the Stability page shows, as its link says it, and the page's head."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

import streamlit as st
from pydantic import Field

from app.lecture.bar import heading
from app.lecture.scenes import shown
from app.state.url_state import Query, UrlState

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
PARTS = {
    QUADRATIC: (),  # the browser keeps them
    LAYERS: ("net", "weights", "tau", "cg", "drawn"),
    NETWORK: ("sweep", "beside", "cell"),
}
DEFAULT_NET = "initial"


class StabilityState(UrlState):
    """What the page shows; the address holds what belongs to the view."""

    keeps_others = True

    view: Literal["Quadratic", "Real layers", "Whole network"] = "Quadratic"
    net: str = DEFAULT_NET
    weights: Literal["trained", "initial"] = "trained"
    tau: float = Field(0.05, gt=0, allow_inf_nan=False)
    cg: int = Field(3, ge=1, le=20)
    drawn: Literal["factor", "gain"] = "factor"
    sweep: str = ""
    beside: str = ""
    cell: int | None = Field(None, ge=0)

    @classmethod
    def from_query(cls, query: Query) -> Self:
        """Return the state of a link; without a view, it is the one that its parts belong to."""
        implied = NETWORK if "sweep" in query else LAYERS if "net" in query else QUADRATIC
        return super().from_query({"view": implied, **query})

    def to_query(self) -> Query:
        """Return what differs from the defaults and belongs to the view."""
        names = ("view", *PARTS[self.view])
        return {name: text for name, text in (super().to_query() or {}).items() if name in names}


def header() -> StabilityState:
    """Show title, sentence and the choice of view; return what is chosen."""
    state = StabilityState.arrive()
    st.html(STYLE)
    if state.lecture:
        st.html(LECTURE)
    left, right = st.columns([1 if shown() is None else 20, 1], vertical_alignment="center")
    with left:
        heading("Stability")
    with right, st.container(horizontal=True, horizontal_alignment="right", key="views"):
        st.segmented_control(
            "View",
            list(SENTENCES),
            required=True,
            label_visibility="collapsed",
            **state.bind("view"),
        )
    if shown() is None:
        with st.container(key="sentence"):
            st.markdown(SENTENCES[state.view])
    return state
