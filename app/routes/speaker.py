"""The speaker's window: a page without Streamlit, which talks to the lecture in the browser."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.live.assets import module_url

HTML = """\
<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Speaker · ProxProp</title>
<link rel="icon" href="favicon.png"><link rel="stylesheet" href="{css}">
<body><script type="module" src="{js}"></script></body></html>
"""


def speaker(request: Request) -> HTMLResponse:
    """Return the page."""
    js = module_url("speaker")
    html = HTML.format(js=js, css=js.replace(".js", ".css"))
    return HTMLResponse(html, headers={"Cache-Control": "no-cache"})
