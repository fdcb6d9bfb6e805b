"""What can be taken away from a run: points, config, script, weights, pictures' data."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import wraps

from anyio import to_thread
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

from app.components.run_settings import replayable
from app.routes.scripts import script
from app.routes.stream import RUN_ID
from app.services import get_store
from proxprop import paths
from proxprop.runs.record import Run
from proxprop.spec.config import ConfigError
from proxprop.spec.plain import strict_json

PAGE = 500  # chunks read at a time while a table streams out

Handler = Callable[[Request, Run], Awaitable[Response]]


def _of_run(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Look the run up first; unknown and deleted ones get a 404 with words."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        run_id = request.path_params["run"]
        runs: dict[str, Run] = {}
        if RUN_ID.fullmatch(run_id):
            runs = await to_thread.run_sync(get_store().get, [run_id])
        run = runs.get(run_id)
        if run is None or run.deleted is not None:
            return _missing("There is no such run; it may have been deleted.")
        return await handler(request, run)

    return answer


@_of_run
async def artifact(request: Request, run: Run) -> Response:
    """Return the latest artifact of a name as JSON, with step and version."""
    member, name = request.path_params["member"], request.path_params["name"]
    row = await to_thread.run_sync(get_store().artifact, run.id, member, name)
    if row is None:
        return _missing(f"Run {run.id} has recorded no {name!r} for member {member} yet.")
    body = strict_json({"step": row.step, "version": row.version, "payload": row.payload})
    # An address that names the version it expects never changes its answer.
    fixed = request.query_params.get("v") == str(row.version)
    cache = "private, max-age=3600" if fixed else "no-cache"
    return Response(body, media_type="application/json", headers={"Cache-Control": cache})


@_of_run
async def points_csv(request: Request, run: Run) -> Response:
    """Stream every recorded point: member, table, column, step, epoch, seconds, value."""
    rows = iterate_in_threadpool(_csv(run.id))
    return _download(rows, "text/csv; charset=utf-8", f"proxprop-{run.id}.csv")


@_of_run
async def config_json(request: Request, run: Run) -> Response:
    """Return the config, with the live changes recorded so far, for exact replay."""
    try:
        config = await to_thread.run_sync(replayable, run)
    except ConfigError as error:
        return PlainTextResponse(f"The config of run {run.id} cannot be read: {error}\n", 409)
    text = config.model_dump_json(indent=2, exclude_defaults=False)
    return _download(text + "\n", "application/json", f"proxprop-{run.id}.json")


@_of_run
async def snippet(request: Request, run: Run) -> Response:
    """Return a Python script that reproduces the run with the library."""
    try:
        config = await to_thread.run_sync(replayable, run)
        text = script(run, config)
    except (ConfigError, ValueError) as error:
        return PlainTextResponse(f"There is no script for run {run.id}: {error}\n", 409)
    return _download(text, "text/x-python; charset=utf-8", f"proxprop_{run.id}.py")


@_of_run
async def weights(request: Request, run: Run) -> Response:
    """Return the trained weights, once the run has saved them."""
    path = paths.checkpoints(run.id, get_store().home) / "weights.safetensors"
    if not path.is_file():
        return _missing(f"Run {run.id} has saved no weights; they are written when it ends.")
    return FileResponse(
        path,
        media_type="application/octet-stream",
        filename=f"proxprop-{run.id}.safetensors",
        headers={"Cache-Control": "no-cache"},
    )


def _csv(run_id: str) -> Iterator[str]:
    """Yield the table in pieces; a long run is never in memory as a whole."""
    store, seq = get_store(), 0
    yield "member,table,column,step,epoch,seconds,value\n"
    while chunks := store.chunks_after([run_id], seq, PAGE):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for chunk in chunks:
            axes = [chunk.columns[axis].tolist() for axis in ("step", "epoch", "seconds")]
            for name, values in list(chunk.columns.items())[3:]:
                for step, epoch, seconds, value in zip(*axes, values.tolist(), strict=True):
                    head = (chunk.member, chunk.table, name, int(step))
                    writer.writerow((*head, epoch, seconds, value))
        seq = chunks[-1].seq
        yield text.getvalue()


def _download(
    body: str | AsyncIterator[str], media_type: str, filename: str
) -> Response | StreamingResponse:
    headers = {
        "Content-Disposition": f'attachment; filename="{filename}"',
        "Cache-Control": "no-cache",
    }
    if isinstance(body, str):
        return Response(body, media_type=media_type, headers=headers)
    return StreamingResponse(body, media_type=media_type, headers=headers)


def _missing(words: str) -> Response:
    return PlainTextResponse(words + "\n", 404, headers={"Cache-Control": "no-store"})
