"""Pages that were left: what the server keeps of them for a while, and that it lets go of it."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

import streamlit as st
from streamlit.runtime import Runtime, exists

from app.allocator import give_back

PERIOD = 60.0  # seconds between looks


class LeftPages:
    """Lets go of pages that were left and did not come back.

    Streamlit keeps the session of a page whose connection ended, since it may only have broken.
    It looks for those that were kept long enough when the next page is left: without one, the last
    hundred would stay for good. Their parts refer to each other, so that only the collector frees
    them, and what it frees stays with the C library until that is told to give it back.
    """

    def __init__(self) -> None:
        self._last = 0.0

    def note(self) -> None:
        """Note that a page was left."""
        self._last = time.monotonic()

    async def forget(self) -> None:
        """Let go of what was kept long enough, again and again while pages are left."""
        while True:
            await asyncio.sleep(PERIOD)
            kept = float(st.get_option("server.disconnectedSessionTTL"))
            if self._last and time.monotonic() - self._last < kept + 2 * PERIOD:
                self.sweep()
                await asyncio.to_thread(give_back)

    def sweep(self) -> None:
        """End sessions that were kept long enough; call it from the server's event loop."""
        _end_sessions()
        gc.collect()


def _end_sessions() -> None:
    # A function of its own: none of its names holds a session while the collector looks.
    for _, kept in _stored().expire():
        kept.session.shutdown()


def _stored() -> Any:
    """Return Streamlit's cache of the sessions of pages that were left."""
    runtime: Any = Runtime.instance() if exists() else None
    return runtime._session_mgr._session_storage._cache


LEFT_PAGES = LeftPages()
