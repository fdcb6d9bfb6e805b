"""What the presenter shows: one link, for everyone who follows."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """What is on stage.

    Attributes:
        link: Path and query of the page; "" before anything was shown.
        revision: Grows with every change.
    """

    link: str
    revision: int


class Stage:
    """The link on stage, in memory, and whoever waits for the next one."""

    def __init__(self) -> None:
        self._shown = Shown("", 0)
        self._loops: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._lock = threading.Lock()
        self.closing = False

    @property
    def shown(self) -> Shown:
        """What is on stage now."""
        return self._shown

    def show(self, link: str) -> None:
        """Put a link on stage."""
        with self._lock:
            if link == self._shown.link:
                return
            self._shown = Shown(link, self._shown.revision + 1)
        self._wake()

    async def after(self, revision: int, seconds: float) -> Shown | None:
        """Return what is shown once it is no longer `revision`; None after so many seconds."""
        changed = asyncio.Event()
        with self._lock:
            if self._shown.revision != revision or self.closing:
                return self._shown
            self._loops[changed] = asyncio.get_running_loop()
        try:
            await asyncio.wait_for(changed.wait(), seconds)
        except TimeoutError:
            return None
        finally:
            with self._lock:
                self._loops.pop(changed, None)
        return self._shown

    def close(self) -> None:
        """End all streams."""
        self.closing = True
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            waiting = list(self._loops.items())
        for changed, loop in waiting:
            with suppress(RuntimeError):  # the loop has ended, and its viewers with it
                loop.call_soon_threadsafe(changed.set)
