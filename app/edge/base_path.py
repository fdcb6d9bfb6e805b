"""Serving below an address of its own, `/lab` say, behind a proxy that passes it on."""

from __future__ import annotations

import os

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from proxprop.exposure import BASE_PATH


class BasePath:
    """ASGI middleware that takes the base path off requests; all behind it knows none.

    Pages name everything relative to themselves, so nothing of an answer has to change, and a proxy
    may as well take the path off itself. Requests without it pass: a container's health check.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.base = os.environ.get(BASE_PATH, "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on without the base path."""
        path = scope.get("path", "")
        if self.base and path == self.base and scope["type"] == "http":
            await RedirectResponse(f"{self.base}/", 307)(scope, receive, send)
            return
        if self.base and path.startswith(f"{self.base}/"):
            raw = scope.get("raw_path") or path.encode()
            cut = {"path": path[len(self.base) :], "raw_path": raw[len(self.base) :]}
            scope = {**scope, **cut}
        await self.app(scope, receive, send)
