"""The live stream: one server-sent event stream per open page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from app.live.tailer import Tailer
from app.services import get_store, get_tailer
from proxprop.spec.events import TABLES

RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
MAX_RUNS = 100
HEARTBEAT = 15.0  # seconds; a comment keeps proxies from closing a quiet stream
RETRY = b"retry: 1000\n\n"
HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",  # nginx would hold events back
}


async def stream(request: Request) -> Response:
    """Stream `update` events of `runs`, optionally of some `tables` only.

    A reconnecting browser sends `Last-Event-ID` by itself; `last` does the same for one that
    closed its stream on purpose.
    """
    runs = tuple(dict.fromkeys(filter(None, request.query_params.get("runs", "").split(","))))
    asked = tuple(filter(None, request.query_params.get("tables", "").split(",")))
    problem = await _problem(runs, asked)
    if problem:
        return PlainTextResponse(problem[1] + "\n", problem[0])
    last = request.headers.get("last-event-id") or request.query_params.get("last", "")
    events = _events(get_tailer(), runs, asked or None, last)
    return StreamingResponse(events, media_type="text/event-stream", headers=HEADERS)


async def _problem(runs: tuple[str, ...], tables: tuple[str, ...]) -> tuple[int, str] | None:
    """Return status and words if the request cannot be served."""
    if not runs:
        return 400, "Name the runs to follow: /api/stream?runs=<id>,<id>."
    if len(runs) > MAX_RUNS:
        return 400, f"At most {MAX_RUNS} runs can be followed at once, got {len(runs)}."
    if unknown := [table for table in tables if table not in TABLES]:
        return 400, f"Unknown tables: {', '.join(unknown)}; choose from {', '.join(TABLES)}."
    known = await to_thread.run_sync(get_store().get, [r for r in runs if RUN_ID.fullmatch(r)])
    if missing := [run for run in runs if run not in known]:
        return 404, f"No such run: {', '.join(missing)}. It may have been deleted."
    return None


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
            message = await to_thread.run_sync(tailer.message, runs, tables, last)
            if message:
                data, last = message
                yield data
    finally:
        tailer.unwatch(watch)
