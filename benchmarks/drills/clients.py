"""Viewers as browsers are: a page over its websocket, and streams of events beside it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from app.ownership import COOKIE
from app.room import PRESENTER, Room
from benchmarks.drills.dashboard import Dashboard

PATIENCE = 60.0  # seconds for a page to be drawn
LONGEST_EVENT = 1 << 24


@dataclass
class Page:
    """An open page.

    Attributes:
        connection: Its websocket.
    """

    connection: websockets.ClientConnection

    async def go(self, page: str, query: str = "") -> None:
        """Move to a page and wait until it is drawn."""
        place = {"query_string": query, "page_name": "" if page == "home" else page}
        await self.connection.send(BackMsg(rerun_script=ClientState(**place)).SerializeToString())
        async with asyncio.timeout(PATIENCE):
            while (await self._next()).WhichOneof("type") != "new_session":
                pass  # what was still on its way of the page before
            while (message := await self._next()).WhichOneof("type") != "script_finished" or (
                message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN
            ):
                pass

    async def _next(self) -> ForwardMsg:
        message, data = ForwardMsg(), await self.connection.recv()
        message.ParseFromString(data if isinstance(data, bytes) else data.encode())
        return message

    def vanish(self) -> None:
        """Be gone without a word, as where a network breaks."""
        self.connection.transport.abort()


@dataclass
class Events:
    """An open stream of server-sent events.

    Attributes:
        reader: What comes.
        writer: The connection.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def next(self, name: str) -> bytes:
        """Return what the next event of a name says."""
        while True:
            lines = (await self.reader.readuntil(b"\n\n")).splitlines()
            if f"event: {name}".encode() in lines:
                return next(line[6:] for line in lines if line.startswith(b"data: "))

    def close(self) -> None:
        """Stop listening."""
        self.writer.close()


def cookies(owner: str, passphrase: str = "") -> str:
    """Return what a browser sends of itself; with the passphrase, that of the presenter."""
    mine = f"{COOKIE}={owner}"
    return f"{mine}; {PRESENTER}={Room(passphrase).sign(owner)}" if passphrase else mine


async def open_page(dashboard: Dashboard, page: str, query: str = "", cookie: str = "") -> Page:
    """Open a page as a browser does and wait until it is drawn; whoever asked closes it."""
    opened = Page(
        await websockets.connect(
            f"ws://127.0.0.1:{dashboard.port}/_stcore/stream",
            subprotocols=[websockets.Subprotocol("streamlit")],
            additional_headers={"Cookie": cookie or cookies(secrets.token_hex(16))},
            max_size=None,
            compression=None,
        )
    )
    await opened.go(page, query)
    return opened


async def visit(dashboard: Dashboard, page: str, query: str = "") -> None:
    """Open a page in a browser of its own, and leave it."""
    await (await open_page(dashboard, page, query)).connection.close()


async def open_events(dashboard: Dashboard, address: str, cookie: str = "") -> Events:
    """Listen to a stream of events."""
    reader, writer = await asyncio.open_connection("127.0.0.1", dashboard.port, limit=LONGEST_EVENT)
    head = f"GET {address} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n"
    writer.write(head.encode())
    status = await reader.readuntil(b"\r\n\r\n")
    if not status.startswith(b"HTTP/1.1 200 "):
        raise ConnectionError(f"{address}: {status.splitlines()[0]!r}")
    return Events(reader, writer)


async def show(dashboard: Dashboard, link: str, cookie: str) -> None:
    """Put a link on stage."""
    reader, writer = await asyncio.open_connection("127.0.0.1", dashboard.port)
    head = f"POST /api/stage HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {cookie}"
    writer.write(f"{head}\r\nContent-Length: {len(link)}\r\n\r\n{link}".encode())
    answer = await reader.readuntil(b"\r\n")
    writer.close()
    if b" 204 " not in answer:
        raise ConnectionError(f"{link} is not shown: {answer!r}")


def split(link: str) -> tuple[str, str]:
    """Return page and query of a link as an address bar has it."""
    page, _, query = link.removeprefix("/").partition("?")
    return page or "home", query


@asynccontextmanager
async def in_background(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do things beside others for as long as these take."""
    tasks = [asyncio.create_task(each) for each in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
