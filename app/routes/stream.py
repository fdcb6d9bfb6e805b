"""The live stream: one server-sent event stream per open page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.live.tailer import Tailer
from app.routes.asked import RUN_ID, Refused, names, one_of
from app.services import get_store, get_tailer
from proxprop.spec.events import TABLES

MAX_RUNS = 100
MAX_TABLES = 64
MEASURE = re.compile(r"[a-z0-9_]{0,40}")
HEARTBEAT = 15.0  # seconds; a comment keeps proxies from closing a quiet stream
RETRY = b"retry: 1000\n\n"
HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",  # nginx would hold events back
}


async def stream(request: Request) -> Response:
    """Stream `update` events of `runs`, optionally of some `tables` or measures only.

    A reconnecting browser sends `Last-Event-ID` by itself; `last` does the same for one that
    closed its stream on purpose.
    """
    try:
        runs = names(request.query_params.get("runs", ""), MAX_RUNS, "runs")
        tables = names(request.query_params.get("tables", ""), MAX_TABLES, "tables")
        await _check(runs, tables)
    except Refused as refusal:
        return refusal.response()
    if request.method == "HEAD":
        return Response(media_type="text/event-stream", headers=HEADERS)
    last = request.headers.get("last-event-id") or request.query_params.get("last", "")
    tailer = get_tailer()
    if not tailer.has_room(runs):
        return Refused(503, "Too many runs are followed at once; try again later.").response()
    events = _events(tailer, runs, tables or None, last)
    return StreamingResponse(events, media_type="text/event-stream", headers=HEADERS)


async def _check(runs: tuple[str, ...], tables: tuple[str, ...]) -> None:
    """Refuse what cannot be followed."""
    if not runs:
        raise Refused(400, "Name the runs to follow: /api/stream?runs=<id>,<id>.")
    for table in tables:
        name, _, measure = table.partition("/")
        one_of(name, TABLES, "A table")
        if not MEASURE.fullmatch(measure):
            raise Refused(400, "A measure is written in small letters, digits and underscores.")
    known = await to_thread.run_sync(get_store().get, [r for r in runs if RUN_ID.fullmatch(r)])
    if missing := [run for run in runs if run not in known]:
        raise Refused(404, f"No such run: {', '.join(missing)[:200]}. It may have been deleted.")


async def _events(
    tailer: Tailer, runs: tuple[str, ...], tables: tuple[str, ...] | None, last: str
) -> AsyncIterator[bytes]:
    watch = tailer.watch(runs)
    try:
        yield RETRY
        while not tailer.closing:
            try:
                await asyncio.wait_for(watch.changed.wait(), HEARTBEAT)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            watch.changed.clear()
            # One viewer has it built, in a thread; those who waited find it. A room of them, each
            # in a thread, would stand in line behind the threads that draw its pages.
            async with tailer.building:
                message = tailer.kept(runs, tables, last)
                if message is None:
                    message = await to_thread.run_sync(tailer.message, runs, tables, last)
            if message:
                data, last = message
                yield data
    finally:
        tailer.unwatch(watch)
