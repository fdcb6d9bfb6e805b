"""What can be taken away from a run: points, table, config, script, weights, pictures' data."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, cast

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse

from app.components.run_settings import replayable
from app.report.document import report
from app.routes.asked import NAME, RUN_ID, Refused, names, number, one_of, whole
from app.routes.scripts import script
from app.services import get_store
from proxprop import paths
from proxprop.runs.record import Chunk, Run
from proxprop.runs.results import race_table
from proxprop.spec.config import ConfigError
from proxprop.spec.curves import MEASURES, Measure
from proxprop.spec.plain import strict_json
from proxprop.spec.racing import as_frame

if TYPE_CHECKING:
    import pandas as pd

MOST_REPORTED = 50  # runs in a report
PAGE = 500  # chunks read at a time while a table streams out
CSV = "text/csv; charset=utf-8"
NO_CACHE = {"Cache-Control": "no-cache"}


def _of_run(handler: Callable[[Request, Run], Response]) -> Callable[[Request], Response]:
    """Look the run up first; unknown and deleted ones get a 404 with words.

    Starlette calls plain functions in a thread: handlers may wait for the store.
    """

    @wraps(handler)
    def answer(request: Request) -> Response:
        run_id = request.path_params["run"]
        run = get_store().get([run_id]).get(run_id) if RUN_ID.fullmatch(run_id) else None
        try:
            if run is None or run.deleted is not None:
                raise Refused(404, "There is no such run; it may have been deleted.")
            return handler(request, run)
        except Refused as refusal:
            return refusal.response()

    return answer


@_of_run
def artifact(request: Request, run: Run) -> Response:
    """Return the latest artifact of a name as JSON, with step and version."""
    member, name = whole(request.path_params["member"], "The member"), request.path_params["name"]
    row = get_store().artifact(run.id, member, name) if NAME.fullmatch(name) else None
    if row is None:
        raise Refused(404, f"Run {run.id} has recorded no {name[:64]!r} for member {member} yet.")
    body = strict_json({"step": row.step, "version": row.version, "payload": row.payload})
    # An address that names the version it expects never changes its answer.
    fixed = request.query_params.get("v") == str(row.version)
    cache = {"Cache-Control": "private, max-age=3600"} if fixed else NO_CACHE
    return Response(body, media_type="application/json", headers=cache)


@_of_run
def points_csv(request: Request, run: Run) -> Response:
    """Stream every recorded point: member, table, column, step, epoch, seconds, value."""
    headers = _attachment(f"proxprop-{run.id}.csv")
    first = get_store().chunks_after([run.id], limit=PAGE)  # or 503, before anything is sent
    return StreamingResponse(_csv(run.id, first), media_type=CSV, headers=headers)


@_of_run
def table_csv(request: Request, run: Run) -> Response:
    """Return the table of a race in full precision; the query names measure, target, baseline."""
    query = request.query_params
    try:
        table = race_table(
            get_store(),
            run.id,
            target=number(query.get("target", "nan"), "The target"),
            measure=cast(Measure, one_of(query.get("measure", MEASURES[0]), MEASURES, "measure")),
            baseline=whole(query.get("baseline", "0"), "The baseline"),
        )
    except (ValueError, IndexError, TypeError) as error:
        raise Refused(400, str(error)) from error
    text = plain_cells(as_frame(table)).to_csv(index=False)
    headers = _attachment(f"proxprop-{run.id}-table.csv")
    return Response(text, media_type=CSV, headers=headers)


@_of_run
def config_json(request: Request, run: Run) -> Response:
    """Return the config, with the live changes recorded so far, for exact replay."""
    try:
        text = replayable(run).model_dump_json(indent=2, exclude_defaults=False)
    except ConfigError as error:
        raise Refused(409, f"The config of run {run.id} cannot be read: {error}") from error
    headers = _attachment(f"proxprop-{run.id}.json")
    return Response(text + "\n", media_type="application/json", headers=headers)


@_of_run
def snippet(request: Request, run: Run) -> Response:
    """Return a Python script that reproduces the run with the library."""
    try:
        text = script(run, replayable(run))
    except ValueError as error:  # a config of another version, or a sweep
        raise Refused(409, f"There is no script for run {run.id}: {error}") from error
    headers = _attachment(f"proxprop_{run.id}.py")
    return Response(text, media_type="text/x-python; charset=utf-8", headers=headers)


def report_html(request: Request) -> Response:
    """Return a report on the runs that the query names, as one file."""
    try:
        ids = names(request.query_params.get("runs", ""), MOST_REPORTED, "runs")
        known = get_store().get([run_id for run_id in ids if RUN_ID.fullmatch(run_id)])
        runs = [known[i] for i in ids if i in known and known[i].deleted is None]
        if not runs:
            raise Refused(404, "There is no such run; it may have been deleted.")
    except Refused as refusal:
        return refusal.response()
    headers = _attachment("proxprop-report.html")
    return HTMLResponse(report(get_store(), runs), headers=headers)


@_of_run
def weights(request: Request, run: Run) -> Response:
    """Return the trained weights, once the run has saved them."""
    path = paths.checkpoints(run.id, get_store().home) / "weights.safetensors"
    if not path.is_file():
        raise Refused(404, f"Run {run.id} has saved no weights; they are written when it ends.")
    headers = _attachment(f"proxprop-{run.id}.safetensors")
    return FileResponse(path, media_type="application/octet-stream", headers=headers)


def _csv(run_id: str, chunks: list[Chunk]) -> Iterator[str]:
    """Yield the table in pieces, the first one read already; a long run is never in memory."""
    yield "member,table,column,step,epoch,seconds,value\n"
    while chunks:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for chunk in chunks:
            axes = [chunk.columns[axis].tolist() for axis in ("step", "epoch", "seconds")]
            for name, values in list(chunk.columns.items())[3:]:
                for step, epoch, seconds, value in zip(*axes, values.tolist(), strict=True):
                    head = (chunk.member, chunk.table, name, int(step))
                    writer.writerow((*head, epoch, seconds, value))
        yield text.getvalue()
        chunks = get_store().chunks_after([run_id], chunks[-1].seq, PAGE)


def plain_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose words no spreadsheet takes for formulas."""
    return frame.map(lambda cell: f"'{cell}" if _is_formula(cell) else cell)


def _is_formula(cell: object) -> bool:
    return isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def _attachment(filename: str) -> dict[str, str]:
    return {**NO_CACHE, "Content-Disposition": f'attachment; filename="{filename}"'}
