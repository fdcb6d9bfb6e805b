"""Streamlit's page itself, under the address of each of our pages, with our style in it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route
from streamlit import file_util

from app.edge.checks import PAGES
from app.live.assets import module_url

STYLE = Path(__file__).resolve().parents[1] / "style.css"
HOME = "home"  # opens at "/": Streamlit gives the first page no address of its own


def shell(request: Request) -> HTMLResponse:
    """Return the page that a browser draws everything in."""
    name = request.url.path.rstrip("/").rpartition("/")[2]
    page = name if name in PAGES else HOME  # "/", or the address below which all is served
    return HTMLResponse(_html(page), headers={"Cache-Control": "no-cache"})


def home(request: Request) -> RedirectResponse:
    """Send /home to the page that opens first."""
    return RedirectResponse("./")


@cache
def _html(page: str) -> str:
    html = (Path(file_util.get_static_dir()) / "index.html").read_text(encoding="utf-8")
    html = html.replace("<head>", f'<head>\n    <script src="{module_url("base")}"></script>', 1)
    # What the tab is called until the page's script has run.
    html = html.replace("<title>Streamlit<", f"<title>{page.title()} · ProxProp<", 1)
    # At the end: of two rules alike, ours holds against those that Streamlit puts into the head.
    style = f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>"
    return html.replace("</body>", f"{style}\n  </body>", 1)


SHELL = [
    Route("/", shell),
    Route(f"/{HOME}", home),
    *(Route(f"/{page}", shell) for page in sorted(PAGES - {HOME})),
]
