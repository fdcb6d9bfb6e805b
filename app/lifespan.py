"""What starts and stops with the server."""

from __future__ import annotations

import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread

from app.compression import compress_ahead
from app.services import close_streams, get_service, get_tailer, shut_down


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
    """Start the run service (it warms a worker up) and end everything with the server."""
    get_tailer()
    await to_thread.run_sync(get_service)
    threading.Thread(target=compress_ahead, name="compress", daemon=True).start()
    _close_streams_on_signal()
    try:
        yield {}
    finally:
        await to_thread.run_sync(shut_down)


def _close_streams_on_signal() -> None:
    """End open streams as soon as the server is told to stop.

    The server waits for open responses before it runs any shutdown code, and a live stream never
    ends by itself.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        previous = signal.getsignal(number)

        def handle(received: int, frame: Any, previous: Any = previous) -> None:
            close_streams()
            if callable(previous):
                previous(received, frame)

        signal.signal(number, handle)
