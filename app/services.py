"""The server's long-lived parts: store, run service and tailer; one of each per process.

They live in this module rather than in a Streamlit cache, which any visitor could clear. The first
use creates them; `shut_down` ends them with the server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from app.live.stage import Stage
from app.live.tailer import Tailer
from app.permits import guarded_service, guarded_store
from proxprop.runs.service import RunService
from proxprop.runs.store import Store

Part = TypeVar("Part")

_PARTS: dict[str, Any] = {}
_LOCK = threading.RLock()


def get_store() -> Store:
    """Return the store in `PROXPROP_HOME`, whose changes pass the guard."""
    return guarded_store(_store())


def get_service() -> RunService:
    """Return the service that starts, queues and controls runs; its changes pass the guard."""
    return guarded_service(_once("service", lambda: RunService(_store())), _store())


def get_tailer() -> Tailer:
    """Return the thread that follows the store for everyone who watches."""
    return _once("tailer", lambda: Tailer(_store()))


def get_stage() -> Stage:
    """Return what the presenter shows to all who follow."""
    return _once("stage", Stage)


def close_streams() -> None:
    """End all live streams, so that the server can stop; they would keep it open."""
    # It stays in place, closed: a stream asked for now ends at once instead of starting another.
    get_tailer().close()
    get_stage().close()


def shut_down() -> None:
    """Stop the tailer and the service's workers, let the store go; safe to call twice."""
    for name, end in (("tailer", "close"), ("service", "shutdown"), ("store", "close")):
        with _LOCK:
            part = _PARTS.pop(name, None)
        if part is not None:
            getattr(part, end)()


def _store() -> Store:
    return _once("store", Store)


def _once(name: str, create: Callable[[], Part]) -> Part:
    """Return a part, created by whichever thread asks first."""
    with _LOCK:
        if name not in _PARTS:
            _PARTS[name] = create()
        part: Part = _PARTS[name]
        return part
