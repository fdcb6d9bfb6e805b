"""Whether pages are shown to a room, and as which scene of which lecture."""

from __future__ import annotations

import streamlit as st
from pydantic import Field

from app.state.url_state import MODE, UrlState

ALONE = "1"  # lecture mode without a lecture, as links of all versions say it


class Lecturing(UrlState):
    """One name of the address for all pages: `lecture=1`, or `lecture=<lecture>.<scene from 1>`."""

    keeps_others = True

    place: str = Field("", alias=MODE, pattern=r"^([a-z0-9-]+\.[0-9]{1,3}|[01]?|true|false)$")

    @property
    def on(self) -> bool:
        """Whether it is switched on."""
        return self.place not in ("", "0", "false")

    @property
    def name(self) -> str:
        """Name of the lecture; empty without one."""
        return self.place.rpartition(".")[0]

    @property
    def number(self) -> int:
        """Number of the scene, from 1; 0 without one."""
        return int(self.place.rpartition(".")[2]) if self.name else 0

    def show_scene(self, name: str, number: int) -> None:
        """Show a scene: pages forget what they were at, and read the address anew."""
        for key, state in list(st.session_state.items()):
            if isinstance(state, UrlState) and state is not self:
                del st.session_state[key]
        self.place = f"{name}.{number}"
