"""A cookie that tells one browser from another: whose run it is, and who starts too many."""

from __future__ import annotations

import re
import secrets

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "proxprop_owner"
OWNER = re.compile("[0-9a-f]{32}")
YEAR = 365 * 24 * 3600


def owner_of(header: str | None) -> str | None:
    """Return the owner named in a Cookie header, or None where there is none or it is malformed."""
    value = cookie_parser(header or "").get(COOKIE, "")
    return value if OWNER.fullmatch(value) else None


def this_owner() -> str:
    """Return the owner of the page that is being drawn; empty where its browser keeps no cookie."""
    return str(st.context.cookies.get(COOKIE, ""))


class OwnerCookie:
    """ASGI middleware that gives every browser without one an HttpOnly owner cookie."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; a page asked for without an owner comes back with one."""
        if not _asks_for_page(scope) or owner_of(Headers(scope=scope).get("cookie")):
            await self.app(scope, receive, send)
            return
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = (
            f"{COOKIE}={secrets.token_hex(16)}; Path=/; Max-Age={YEAR}; HttpOnly; "
            f"SameSite=Lax{secure}"
        )

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("Set-Cookie", cookie)
            await send(message)

        await self.app(scope, receive, send_with_cookie)


def _asks_for_page(scope: Scope) -> bool:
    """Whether the response is the page itself; assets in shared caches must carry no cookie."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    path = scope["path"]
    # Whoever comes to present is given both cookies at once.
    others = ("/present", "/_stcore/", "/static/", "/assets/", "/api/", "/media/")
    return not path.startswith(others)
