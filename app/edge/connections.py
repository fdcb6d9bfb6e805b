"""Connections: how many there may be, and how long one may take to ask for something."""

from __future__ import annotations

import asyncio
import logging
import resource
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

LOG = logging.getLogger("proxprop.edge")
PATIENCE = 10.0  # seconds from a connection, or the first byte of a request, to its headers' end
MOST_FILES = 65_536
MOST = 4000  # connections; each takes some 50 kB, and all pages with their streams have 2,000
MOST_MESSAGE = 1_000_000  # bytes of what a page says: the state of its widgets has some thousands
RESERVE = 200  # open files for the store, workers and what is read from disk
LEFT = 128  # pages that Streamlit keeps for a while after they were left
SESSION = 3  # open files of a page beside its websocket: Streamlit's event loop for it


def raise_file_limit() -> int:
    """Allow as many open files as the machine lets us; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):  # some systems allow less than they say
            return soft
        soft = wanted
    return MOST_FILES if soft == resource.RLIM_INFINITY else soft


def most_connections(files: int) -> int:
    """Return how many connections there may be at once with so many open files.

    Each of them may turn out to be a page's.
    """
    return min(MOST, max(100, (files - RESERVE - LEFT * SESSION) // (1 + SESSION)))


def limit_connections(most: int, protocol: Any = AutoHTTPProtocol) -> None:
    """End connections that ask for nothing, and refuse those that would use up all files.

    uvicorn waits for ever for the rest of a request's headers, and has no setting for it; it is
    started by Streamlit, so that its protocol is extended in place.

    Args:
        most: Connections at once.
        protocol: uvicorn's class of one connection.
    """
    if getattr(protocol, "limited", False):
        return
    made, received = protocol.connection_made, protocol.data_received
    told = False

    def connection_made(self: Any, transport: asyncio.Transport) -> None:
        nonlocal told
        # Streamlit has one limit for what pages say and what they are sent, which may be long.
        self.config.ws_max_size = MOST_MESSAGE
        made(self, transport)
        if len(self.connections) > most:
            if not told:
                told = True
                LOG.warning("%d connections are open, as many as may be; more are refused.", most)
            transport.abort()
            return
        _expect(self)

    def data_received(self: Any, data: bytes) -> None:
        received(self, data)
        _expect(self)

    protocol.connection_made, protocol.data_received = connection_made, data_received
    protocol.limited = True


def _expect(connection: Any) -> None:
    """Start the clock of a connection that owes the rest of its headers, or stop it."""
    clock: asyncio.TimerHandle | None = getattr(connection, "clock", None)
    if not _owes(connection):
        if clock is not None:
            clock.cancel()
            connection.clock = None
    elif clock is None:
        connection.clock = connection.loop.call_later(PATIENCE, _close, connection)


def _owes(connection: Any) -> bool:
    if connection.transport.is_closing() or connection.transport.get_protocol() is not connection:
        return False  # over, or a websocket by now
    return connection.cycle is None or connection.cycle.response_complete


def _close(connection: Any) -> None:
    connection.clock = None
    if _owes(connection):
        connection.transport.close()
