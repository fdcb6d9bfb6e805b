"""Static files sent compressed: each file once, then from disk.

Streamlit sends its own files uncompressed. The first load shrinks to about a third.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from pathlib import Path

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import file_util

from app.live.assets import plotly_path
from app.live.widgets import widget_scripts
from proxprop.files import write_atomically
from proxprop.paths import home

SMALLEST = 1024  # bytes; below it, the headers weigh as much as what is saved
LEVEL = 9  # each file is compressed once
FOREVER = "public, immutable, max-age=31536000"
COMPRESSIBLE = frozenset({".js", ".css", ".json", ".svg", ".html", ".ttf", ".map", ".txt"})


def compressed(path: Path) -> Path:
    """Return the gzipped copy of `path` in the cache, made now if it is missing or outdated."""
    stat = path.stat()
    mark = hashlib.sha256(f"{path}|{stat.st_size}|{stat.st_mtime_ns}".encode()).hexdigest()[:20]
    target = home() / "cache" / "static" / f"{path.name}-{mark}.gz"
    if target.exists():
        return target
    # mtime 0: the same bytes for the same file, whoever compresses it.
    write_atomically(target, gzip.compress(path.read_bytes(), LEVEL, mtime=0))
    return target


def compress_ahead() -> None:
    """Compress what every first visit asks for, and pages soon after it: nobody waits for it."""
    root = Path(file_util.get_static_dir())
    index = (root / "index.html").read_text(encoding="utf-8")
    ours = [plotly_path()]
    theirs = [path for path in root.rglob("*") if path.name in index and _worthwhile(path)]
    later = [path for path in widget_scripts() if _worthwhile(path)]
    for path in ours + theirs + later:
        try:
            compressed(path)
        except OSError:
            return  # no room or no right to write: files go out as they are


def _worthwhile(path: Path) -> bool:
    return path.is_file() and path.suffix in COMPRESSIBLE and path.stat().st_size >= SMALLEST


def accepts_gzip(headers: Headers) -> bool:
    """Whether the client takes gzip."""
    for part in headers.get("accept-encoding", "").split(","):
        name, _, quality = part.strip().partition(";")
        if name in ("gzip", "*"):
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


async def file_response(path: Path, headers: Headers, cache_control: str) -> Response:
    """Return `path`, compressed where that pays and the client takes it."""
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    extra = {"Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    if _worthwhile(path) and accepts_gzip(headers):
        try:
            smaller = await to_thread.run_sync(compressed, path)
        except OSError:
            smaller = None
        if smaller is not None:
            extra["Content-Encoding"] = "gzip"
            return FileResponse(smaller, media_type=media_type, headers=extra)
    return FileResponse(path, media_type=media_type, headers=extra)


class PrecompressedStatic:
    """ASGI middleware that answers for Streamlit's hashed static files with compressed copies."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.root = Path(file_util.get_static_dir()).resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer for a compressible static file, or pass the request on."""
        path = self._asset(scope)
        if path is None:
            await self.app(scope, receive, send)
            return
        response = await file_response(path, Headers(scope=scope), FOREVER)
        await response(scope, receive, send)

    def _asset(self, scope: Scope) -> Path | None:
        """Return the file asked for, or None where Streamlit should answer itself."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return None
        headers = Headers(scope=scope)
        if not scope["path"].startswith("/static/") or "range" in headers:
            return None
        path = (self.root / scope["path"].lstrip("/")).resolve()
        inside = path.is_relative_to(self.root / "static")
        return path if inside and _worthwhile(path) and accepts_gzip(headers) else None
