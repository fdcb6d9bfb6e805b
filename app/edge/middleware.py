"""The outermost layer of the server: checks, limits and headers for every request."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import file_util
from streamlit.proto.BackMsg_pb2 import BackMsg

from app.edge.checks import UPLOAD, Refusal, refusal
from app.edge.left import LEFT_PAGES
from app.edge.uploads import UPLOADS
from app.ownership import owner_of
from app.room import get_room
from proxprop.data.uploads import MAX_MEGABYTES

LOG = logging.getLogger("proxprop.edge")
BODY_PAUSE = 20.0  # seconds between two pieces of a body
MOST_FORM = 40_000  # bytes of a form or link that is no file
STREAMS = ("/api/stream", "/api/stage")


def content_security_policy() -> str:
    """Return what a page may load: everything from here, nothing from elsewhere."""
    scripts = " ".join(f"'sha256-{digest}'" for digest in _inline_scripts())
    rules = {
        "default-src": "'self'",
        # Streamlit makes modules of a component's script (blob:).
        "script-src": f"'self' blob: 'wasm-unsafe-eval' {scripts}",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'self'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


@cache
def _inline_scripts() -> tuple[str, ...]:
    """Return the digests of the scripts in Streamlit's page itself."""
    html = (Path(file_util.get_static_dir()) / "index.html").read_text(encoding="utf-8")
    inline = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    return tuple(b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline)


class Crowd:
    """How many of something are open at once: of everybody, and of one browser."""

    def __init__(self, most: int, each: int) -> None:
        self._most, self._each = most, each
        self._open: Counter[str] = Counter()

    def is_full(self, who: str) -> bool:
        """Return whether no more may be opened by this browser."""
        return self._open.total() >= self._most or self._open[who] >= self._each

    @contextmanager
    def entered(self, who: str) -> Iterator[None]:
        """Count one more for as long as it is open."""
        self._open[who] += 1
        try:
            yield
        finally:
            self._open[who] -= 1
            self._open += Counter()  # forgets those at zero


class Edge:
    """ASGI middleware that refuses what it should, and sets the headers of all answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._pages = Crowd(most=500, each=40)  # websockets
        self._streams = Crowd(most=1500, each=120)  # up to three a page
        self._headers = {
            "Content-Security-Policy": content_security_policy(),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "SAMEORIGIN",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = _who(scope)
        if refusal(scope) or self._pages.is_full(who):
            # Before it is accepted: the handshake is answered by 403, and nothing was asked.
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return

        async def receive_bytes() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and not _is_pages(message.get("bytes")):
                return {"type": "websocket.disconnect", "code": 1003}
            return message

        try:
            with self._pages.entered(who):
                await self.app(scope, receive_bytes, send)
        finally:
            LEFT_PAGES.note()

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        who = _who(scope) if scope["path"] in STREAMS and scope["method"] == "GET" else None
        reason = refusal(scope) or _of_role(scope)
        if who is not None and self._streams.is_full(who):
            reason = reason or Refusal(503, "Too many pages are open at once; close some.")
        upload = UPLOAD.fullmatch(scope["path"]) if scope["method"] == "PUT" else None
        if reason is None and upload is not None:
            reason = UPLOADS.begin(upload[1], _length(scope))
        if reason is not None:
            await answer(scope, reason)(scope, receive, send_with_headers)
            return
        most = (MAX_MEGABYTES + 1) * 10**6 if upload else MOST_FORM
        try:
            with self._streams.entered(who) if who is not None else nullcontext():
                await self.app(_without_origin(scope), _limited(receive, most), send_with_headers)
        except Exception:
            LOG.exception("a request failed")
            if begun:
                raise
            failed = Refusal(500, "This request failed; the server's log says more.")
            await answer(scope, failed)(scope, receive, send_with_headers)
        finally:
            if upload is not None:
                UPLOADS.end(upload[1])


def answer(scope: Scope, reason: Refusal) -> Response:
    """Return a refusal: a page for a person who typed an address, words for a program."""
    headers = {"Cache-Control": "no-store", "Connection": "close"}
    if reason.status == 404 and "text/html" in Headers(scope=scope).get("accept", ""):
        return HTMLResponse(_page(reason.words, scope["path"]), reason.status, headers)
    return PlainTextResponse(reason.words + "\n", reason.status, headers)


def _page(words: str, path: str) -> str:
    first = "../" * (path.count("/") - 1) or "./"
    return (
        "<!doctype html><meta charset=utf-8><meta name=color-scheme content='light dark'>"
        f"<link rel=icon href={first}favicon.png><title>No such page · ProxProp</title>"
        "<body style='font:1.1rem system-ui;margin:15vh auto;max-width:34rem;padding:0 1rem'>"
        f"<h1>{escape(words)}</h1>"
        f"<p><code>{escape(path)}</code> leads nowhere. "
        f"<a href='{first}'>To the first page</a>.</p>"
    )


def _of_role(scope: Scope) -> Refusal | None:
    """Refuse what the audience may not ask the server for; pages guard what they do themselves."""
    changes = scope["path"].startswith("/_stcore/upload_file/")
    if not changes and scope["path"] != "/_stcore/metrics":
        return None
    cookies = cookie_parser(Headers(scope=scope).get("cookie") or "")
    if get_room().role(cookies) == "presenter":
        return None
    return Refusal(403, "Only the presenter does this.")


def _is_pages(data: bytes | None) -> bool:
    """Whether a message is one that pages send."""
    try:
        return data is not None and bool(BackMsg.FromString(data).WhichOneof("type"))
    except DecodeError:
        return False


def _who(scope: Scope) -> str:
    client = scope.get("client") or ("",)
    return owner_of(Headers(scope=scope).get("cookie")) or str(client[0])


def _length(scope: Scope) -> int | None:
    text = Headers(scope=scope).get("content-length")
    return None if text is None else int(text)


def _without_origin(scope: Scope) -> Scope:
    """Return the scope without its Origin, which is ours by now.

    Streamlit would compare it with the addresses of this machine, and ask outside for them.
    """
    kept = [(name, value) for name, value in scope["headers"] if name != b"origin"]
    return {**scope, "headers": kept}


def _limited(receive: Receive, most: int) -> Receive:
    """Return `receive` that ends a body which is too long or stays away."""
    received, over = 0, False
    gone: dict[str, Any] = {"type": "http.disconnect"}

    async def limited() -> Message:
        nonlocal received, over
        if over:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), BODY_PAUSE)
        except TimeoutError:
            return gone
        received += len(message.get("body", b""))
        over = not message.get("more_body", False)
        return gone if received > most else message

    return limited
