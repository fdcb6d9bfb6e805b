"""A race's table to take away: full precision, one line a contender."""

from __future__ import annotations

import math

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.routes.stream import RUN_ID
from app.services import get_store
from proxprop.runs.errors import UnknownRunError

NO_CACHE = {"Cache-Control": "no-cache"}


async def table_csv(request: Request) -> Response:
    """Return the table of a race as CSV; the query names measure, target and baseline."""
    race_id = request.path_params["run"]
    try:
        text = await to_thread.run_sync(_table, race_id, dict(request.query_params))
    except UnknownRunError as error:
        return PlainTextResponse(f"{error}\n", 404, headers=NO_CACHE)
    except (ValueError, IndexError, TypeError) as error:
        return PlainTextResponse(f"{error}\n", 400, headers=NO_CACHE)
    name = f"proxprop-{race_id}-table.csv"
    headers = {**NO_CACHE, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def _table(race_id: str, query: dict[str, str]) -> str:
    from proxprop.runs.results import race_table
    from proxprop.spec.racing import as_frame

    if not RUN_ID.fullmatch(race_id):
        raise ValueError("There is no such race.")
    target = float(query.get("target", "nan"))
    table = race_table(
        get_store(),
        race_id,
        target=target if math.isfinite(target) else None,
        measure=query.get("measure", "train_loss"),  # type: ignore[arg-type]
        baseline=int(query.get("baseline", "0")),
    )
    return str(as_frame(table).to_csv(index=False))
