"""What a page says of the room: the audience's link, and why some buttons are not there."""

from __future__ import annotations

from html import escape

import segno
import streamlit as st

from app.live.component import mount
from app.permits import this_role
from app.room import get_room

KEY = "Q"  # opens the link on any page
WATCHING = (
    "You watch: the presenter starts, changes and stops runs. You can look at everything and move "
    "about freely. [Present](present)"
)


def audience_link(scale: int = 5) -> None:
    """Show the presenter where the audience finds these pages, large and as a QR code.

    Args:
        scale: Pixels of each of the code's squares.
    """
    link = get_room().link
    if link and this_role() == "presenter":
        code = segno.make(link, micro=False).svg_data_uri(scale=scale, border=3, light="white")
        st.html(
            f'<div class="proxprop-room"><img alt="QR code of {escape(link)}" src="{code}">'
            f"<p>Watch along:<br><strong>{escape(link.removeprefix('http://'))}</strong></p></div>"
        )


def room_button() -> None:
    """Offer the presenter the audience's link by one key, and the audience the way to present."""
    room = get_room()
    if not room.has_roles:
        return
    presenter = this_role() == "presenter"
    mount("follow", {"presenter": presenter}, key="follow", height=1)
    if not presenter:
        st.caption(WATCHING)
    elif room.link:
        st.button(
            "The audience's link",
            key="room.link",
            icon=":material/qr_code_2:",
            type="tertiary",
            shortcut=KEY,
            on_click=_show,
        )
        if st.session_state.pop("room.shown", False):
            _dialog()


def _show() -> None:
    st.session_state["room.shown"] = True


@st.dialog("Watch along", width="large")
def _dialog() -> None:
    audience_link(scale=11)
