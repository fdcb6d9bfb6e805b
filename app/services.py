"""The server's long-lived parts: store, run service and tailer; one of each per process.

They live in this module rather than in a Streamlit cache, which any visitor could clear. The first
use creates them; `shut_down` ends them with the server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from app.live.tailer import Tailer
from proxprop.runs.record import Run
from proxprop.runs.service import RunService
from proxprop.runs.store import Store

Part = TypeVar("Part")

_PARTS: dict[str, Any] = {}
_LOCK = threading.RLock()


def get_store() -> Store:
    """Return the store in `PROXPROP_HOME`."""
    return _once("store", Store)


def linked_run(run_id: str, kind: str) -> Run | None:
    """Return the run that a link names, if it is of that kind and not in the bin."""
    run = get_store().get([run_id]).get(run_id)
    return run if run is not None and run.kind == kind and run.deleted is None else None


def get_service() -> RunService:
    """Return the service that starts, queues and controls runs."""
    return _once("service", lambda: RunService(get_store()))


def get_tailer() -> Tailer:
    """Return the thread that follows the store for everyone who watches."""
    return _once("tailer", lambda: Tailer(get_store()))


def close_streams() -> None:
    """End all live streams, so that the server can stop; they would keep it open."""
    # It stays in place, closed: a stream asked for now ends at once instead of starting another.
    get_tailer().close()


def shut_down() -> None:
    """Stop the tailer and the service's workers, let the store go; safe to call twice."""
    for name, end in (("tailer", "close"), ("service", "shutdown"), ("store", "close")):
        with _LOCK:
            part = _PARTS.pop(name, None)
        if part is not None:
            getattr(part, end)()


def _once(name: str, create: Callable[[], Part]) -> Part:
    """Return a part, created by whichever thread asks first."""
    with _LOCK:
        if name not in _PARTS:
            _PARTS[name] = create()
        part: Part = _PARTS[name]
        return part
