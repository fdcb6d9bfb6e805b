"""Routes beside Streamlit's own: the live stream, exports, scripts, and the way to present."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app.routes.assets import module, plotly
from app.routes.exports import (
    artifact,
    config_json,
    points_csv,
    report_html,
    snippet,
    table_csv,
    weights,
)
from app.routes.room import ROOM
from app.routes.shell import SHELL
from app.routes.speaker import speaker
from app.routes.stage import STAGE
from app.routes.stream import stream
from proxprop.runs.errors import StoreError


def _without_store(request: Request, error: Exception) -> PlainTextResponse:
    """Answer for a store that cannot be read, in its own words."""
    return PlainTextResponse(f"{error}\n", 503, headers={"Cache-Control": "no-store"})


ON_ERROR = {StoreError: _without_store}  # exceptions of routes → what is answered

ROUTES = [
    *SHELL,
    *ROOM,
    *STAGE,
    Route("/speaker", speaker),
    Route("/api/stream", stream),
    Route("/api/runs/{run}/artifacts/{member}/{name}", artifact),
    Route("/api/runs/{run}/points.csv", points_csv),
    Route("/api/runs/{run}/config.json", config_json),
    Route("/api/runs/{run}/snippet.py", snippet),
    Route("/api/runs/{run}/weights.safetensors", weights),
    Route("/api/races/{run}/table.csv", table_csv),
    Route("/api/report.html", report_html),
    Route("/assets/plotly.min.js", plotly),
    Route("/assets/plotly-{digest}.min.js", plotly),
    Route("/assets/{digest}/{name}", module),
]

__all__ = ["ON_ERROR", "ROUTES"]
