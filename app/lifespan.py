"""What starts and stops with the server."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import streamlit as st
from anyio import to_thread

from app.compression import compress_ahead
from app.edge.connections import limit_connections, most_connections, raise_file_limit
from app.edge.left import LEFT_PAGES
from app.room import Room, get_room
from app.services import close_streams, get_service, get_tailer, shut_down
from proxprop.data.bounds import ROOTS_VARIABLE, Limits, Listing
from proxprop.exposure import is_loopback
from proxprop.paths import home
from proxprop.runs.errors import StoreError

LOG = logging.getLogger("proxprop.app")
# A folder that a link names is listed within seconds, or until its page is left: a look at the
# session's state is where Streamlit ends a page that nobody waits for.
LISTING = Limits(200_000, 5.0, lambda: st.session_state.get("alive"))


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
    """Start the run service (it warms a worker up) and end everything with the server."""
    room = get_room()  # takes its secrets out of what workers are given
    keep_folders_in(room, st.get_option("server.address") or "")
    Listing.limits = LISTING
    limit_connections(most_connections(raise_file_limit()))
    try:
        get_tailer()
        await to_thread.run_sync(get_service)
    except StoreError as error:  # every page and route says so, until the store can be read
        LOG.error("%s", error)
    threading.Thread(target=compress_ahead, name="compress", daemon=True).start()
    _close_streams_on_signal()
    forgetting = asyncio.create_task(LEFT_PAGES.forget())
    try:
        yield {}
    finally:
        forgetting.cancel()
        await to_thread.run_sync(shut_down)


def keep_folders_in(room: Room, address: str) -> None:
    """Let only folders of the data directory be read where others reach the server."""
    if room.has_roles or not is_loopback(address):
        os.environ.setdefault(ROOTS_VARIABLE, str(home()))


def _close_streams_on_signal() -> None:
    """End open streams as soon as the server is told to stop.

    The server waits for open responses before it runs any shutdown code, and a live stream never
    ends by itself.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        previous = signal.getsignal(number)

        def handle(received: int, frame: Any, previous: Any = previous) -> None:
            with suppress(StoreError):
                close_streams()
            if callable(previous):
                previous(received, frame)

        signal.signal(number, handle)
