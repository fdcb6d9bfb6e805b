"""The server's long-lived parts: store, run service and tailer; one of each per process.

They live in this module rather than in a Streamlit cache, which any visitor could clear. The first
use creates them; `shut_down` ends them with the server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from app.live.tailer import Tailer
    from proxprop.runs.service import RunService
    from proxprop.runs.store import Store


Part = TypeVar("Part")


class _Services:
    """Creates each part once, whichever thread asks first."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._parts: dict[str, Any] = {}

    def store(self) -> Store:
        from proxprop.runs.store import Store

        return self._once("store", Store)

    def service(self) -> RunService:
        from proxprop.runs.service import RunService

        return self._once("service", lambda: RunService(self.store()))

    def tailer(self) -> Tailer:
        from app.live.tailer import Tailer

        return self._once("tailer", lambda: Tailer(self.store()))

    def _once(self, name: str, create: Callable[[], Part]) -> Part:
        with self._lock:
            if name not in self._parts:
                self._parts[name] = create()
            part: Part = self._parts[name]
            return part

    def pop(self, name: str) -> Any:
        with self._lock:
            return self._parts.pop(name, None)


_SERVICES = _Services()


def get_store() -> Store:
    """Return the store in `PROXPROP_HOME`."""
    return _SERVICES.store()


def get_service() -> RunService:
    """Return the service that starts, queues and controls runs."""
    return _SERVICES.service()


def get_tailer() -> Tailer:
    """Return the thread that follows the store for everyone who watches."""
    return _SERVICES.tailer()


def close_streams() -> None:
    """End all live streams, so that the server can stop; they would keep it open."""
    # It stays in place, closed: a stream asked for now ends at once instead of starting another.
    get_tailer().close()


def shut_down() -> None:
    """Stop the tailer and the service's workers, let the store go; safe to call twice."""
    if tailer := _SERVICES.pop("tailer"):
        tailer.close()
    if service := _SERVICES.pop("service"):
        service.shutdown()
    if store := _SERVICES.pop("store"):
        store.close()
