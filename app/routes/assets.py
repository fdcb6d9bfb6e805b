"""The browser's modules and Plotly's script."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.compression import FOREVER, file_response
from app.live.assets import FOLDER, digest, plotly_path, plotly_url

NAME = re.compile(r"[a-z_]+\.(js|css)")


async def plotly(request: Request) -> Response:
    """Return Plotly's script; cached for good under its hashed address."""
    hashed = request.url.path.endswith(f"/{plotly_url()}")
    return await file_response(plotly_path(), request.headers, FOREVER if hashed else "no-cache")


async def module(request: Request) -> Response:
    """Return a module or stylesheet of ours; an outdated address gets the current one, uncached."""
    name = request.path_params["name"]
    path = FOLDER / name
    if not NAME.fullmatch(name) or not path.is_file():
        return PlainTextResponse(f"There is no file {name!r}.\n", 404)
    current = request.path_params["digest"] == digest()
    return await file_response(path, request.headers, FOREVER if current else "no-cache")
