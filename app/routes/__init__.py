"""Routes beside Streamlit's own: the live stream, exports, scripts; all read-only, none draws."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from app.routes.assets import module, plotly
from app.routes.exports import artifact, config_json, points_csv, snippet, table_csv, weights
from app.routes.stream import stream


def home(request: Request) -> RedirectResponse:
    """Send /home to the page that opens first: Streamlit gives that one no path of its own."""
    return RedirectResponse("./")


ROUTES = [
    Route("/home", home),
    Route("/api/stream", stream),
    Route("/api/runs/{run}/artifacts/{member:int}/{name}", artifact),
    Route("/api/runs/{run}/points.csv", points_csv),
    Route("/api/runs/{run}/config.json", config_json),
    Route("/api/runs/{run}/snippet.py", snippet),
    Route("/api/runs/{run}/weights.safetensors", weights),
    Route("/api/races/{run}/table.csv", table_csv),
    Route("/assets/plotly.min.js", plotly),
    Route("/assets/plotly-{digest}.min.js", plotly),
    Route("/assets/{digest}/{name}", module),
]

__all__ = ["ROUTES"]
