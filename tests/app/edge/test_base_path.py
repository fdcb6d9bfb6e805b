"""Below a base path the same answers come as above it, and everything in them is relative."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from app.edge.base_path import BasePath
from app.edge.checks import PAGES
from app.edge.middleware import _page
from app.live.assets import module_url, plotly_url
from app.routes.shell import _html
from proxprop.exposure import BASE_PATH, base_path

ROOT = Path(__file__).resolve().parents[3]


def client(monkeypatch: pytest.MonkeyPatch, base: str) -> TestClient:
    async def echo(request: Request) -> PlainTextResponse:
        raw = request.scope["raw_path"].decode()
        return PlainTextResponse(f"{request.url.path} {raw}")

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.url.path)
        await websocket.close()

    monkeypatch.setenv(BASE_PATH, base)
    routes = [WebSocketRoute("/_stcore/stream", socket), Route("/{path:path}", echo)]
    return TestClient(BasePath(Starlette(routes=routes)), follow_redirects=False)


def test_the_base_path_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    site = client(monkeypatch, "/lab/a")
    assert site.get("/lab/a/").text == "/ /"
    assert site.get("/lab/a/api/x%20y").text == "/api/x y /api/x%20y"
    assert site.get("/_stcore/health").text.startswith("/_stcore/health")  # a container's check
    assert site.get("/lab/abc").text.startswith("/lab/abc")
    moved = site.get("/lab/a")
    assert (moved.status_code, moved.headers["location"]) == (307, "/lab/a/")
    with site.websocket_connect("/lab/a/_stcore/stream") as opened:
        assert opened.receive_text() == "/_stcore/stream"


def test_without_one_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert client(monkeypatch, "").get("/lab").text == "/lab /lab"


@pytest.mark.parametrize(
    ("given", "path"), [("", ""), ("/", ""), ("lab", "/lab"), ("/a/b-c.d/", "/a/b-c.d")]
)
def test_base_paths_are_read(given: str, path: str) -> None:
    assert base_path(given) == path


@pytest.mark.parametrize("given", ["/a b", "/a//b", "http://x", "/é", "/a?b", "/a\n"])
def test_what_is_no_path_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="for example /lab"):
        base_path(given)


def test_addresses_are_relative() -> None:
    assert not module_url("base").startswith("/")
    assert not plotly_url().startswith("/")
    assert not re.findall(r'(?:src|href)="/', _html("train"))
    assert "href='./'" in _page("words", "/nowhere")
    assert "href='../../'" in _page("words", "/no/such/page")


def test_no_page_names_an_address_from_the_root() -> None:
    """What a browser is told leads from the page it stands on; "/" would leave the base path."""
    places = "|".join(
        [*sorted(PAGES - {"home"}), "api", "assets", "static", "present", "leave", "speaker"]
    )
    absolute = re.compile(rf"[\"'`(]/(?:{places})\b")
    # What the server itself compares with, and answers at.
    inside = ("edge", "routes", "ownership.py", "compression.py")
    files = [*(ROOT / "app").rglob("*.py"), *(ROOT / "app").rglob("*.js")]
    for path in files:
        if path.relative_to(ROOT / "app").parts[0] not in inside:
            assert not absolute.findall(path.read_text()), path
