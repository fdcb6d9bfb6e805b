"""The stage: the presenter's browser says what it shows, the audience's follow."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.edge.checks import PAGES
from app.live.stage import Stage
from app.room import get_room
from app.routes.asked import Refused
from app.routes.stream import HEADERS, HEARTBEAT, RETRY
from app.services import get_stage

LINK = re.compile(r"/([a-z]*)(\?[!-~]*)?")  # a page and its query


async def stage(request: Request) -> Response:
    """Stream what is on stage, or put a link there."""
    try:
        if request.method == "POST":
            _show(request, (await request.body()).decode("ascii", "replace"))
            return Response(status_code=204)
    except Refused as refusal:
        return refusal.response()
    if request.method == "HEAD":
        return Response(media_type="text/event-stream", headers=HEADERS)
    return StreamingResponse(_events(get_stage()), media_type="text/event-stream", headers=HEADERS)


def _show(request: Request, link: str) -> None:
    room = get_room()
    if not room.has_roles or room.role(request.cookies) != "presenter":
        raise Refused(403, "Only the presenter shows something to all.")
    page = LINK.fullmatch(link)
    if page is None or page[1] not in PAGES | {""}:
        raise Refused(400, "This is no link to a page.")
    get_stage().show(link)


async def _events(stage: Stage) -> AsyncIterator[bytes]:
    yield RETRY
    revision = 0
    while not stage.closing:
        shown = await stage.after(revision, HEARTBEAT)
        if shown is None:
            yield b": still here\n\n"
        elif shown.revision != revision:
            revision = shown.revision
            yield f"event: stage\ndata: {json.dumps(shown.link)}\n\n".encode()


STAGE = [Route("/api/stage", stage, methods=["GET", "POST"])]
