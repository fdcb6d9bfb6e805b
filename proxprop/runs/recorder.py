"""From events to rows: a buffer the loop fills, and a thread that writes it down in batches."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Sequence
from typing import Any

from proxprop.runs.errors import StoreError, StoreFullError, StoreLockedError
from proxprop.runs.progress import Progress
from proxprop.runs.record import RECORDED, to_json
from proxprop.runs.store import MOST_NUMBERS, Store
from proxprop.spec.events import Artifact, Ended, Event, Notice, Point, Started, State

INTERVAL = 0.2  # seconds between writes: a few a second, however fast the loop
HEARTBEAT = 0.5

# Seconds a full disk or a locked store may last before the run gives up.
GIVE_UP_AFTER = 15.0
GIVE_UP_VARIABLE = "PROXPROP_PATIENCE"

_Timed = tuple[float, Event]  # with the unix time it happened at


class Recorder:
    """Writes one run's events into the store, a few times a second, from a thread of its own.

    The loop only appends to a list. While the store cannot be written, everything is kept and
    tried again; after `give_up_after` seconds `check` raises, and the loop ends.

    Args:
        store: Where to write.
        run_id: The run.
        progress: Tells how much of the budget is spent.
        give_up_after: Seconds that a full disk or a locked store may last; default 15, or
            `PROXPROP_PATIENCE`.
        endless: Whether its points are thinned out as they become many.
    """

    def __init__(
        self,
        store: Store,
        run_id: str,
        progress: Progress,
        give_up_after: float | None = None,
        endless: bool = False,
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._progress = progress
        self.give_up_after = _from_environment() if give_up_after is None else give_up_after
        self._batch: list[_Timed] = []
        self._lock = threading.Lock()  # guards the batch
        self._flushing = threading.Lock()  # one writer at a time, in order
        self._wake = threading.Event()
        self._closing = False
        self._tables: set[str] = set()
        self._endless = endless
        self._numbers = 0  # recorded since the store was thinned out
        self._last_write = 0.0
        self._trouble_since: float | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._write, name="recorder", daemon=True)

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing = True
        self._wake.set()
        self._thread.join()

    @property
    def trouble_since(self) -> float:
        """Since when the store refuses to be written (monotonic clock); now if it does not."""
        return time.monotonic() if self._trouble_since is None else self._trouble_since

    def put(self, event: Event) -> None:
        """Take an event; it is written down within `INTERVAL`, the first of each table at once."""
        with self._lock:
            self._batch.append((time.time(), event))
        if isinstance(event, State):
            self._wake.set()
        elif isinstance(event, Point) and event.table not in self._tables:
            self._tables.add(event.table)
            self._wake.set()

    def check(self) -> None:
        """Raise if the store has been refusing to be written for too long.

        Raises:
            StoreError: The store's own words.
        """
        if self._error is not None:
            raise self._error

    def flush(self) -> None:
        """Write down everything taken so far.

        Raises:
            StoreError: If it cannot be; everything is kept for the next try.
        """
        with self._flushing:
            with self._lock:
                batch, self._batch = self._batch, []
            artifacts = {(e.member, e.name): e for _, e in batch if isinstance(e, Artifact)}
            try:
                self._store.append(
                    self._run_id,
                    [event for _, event in batch if isinstance(event, Point)],
                    [(at, event) for at, event in batch if isinstance(event, RECORDED)],
                    artifacts.values(),
                    {**self._fields(batch), "heartbeat": time.time()},
                )
            except StoreError:
                with self._lock:
                    self._batch = batch + self._batch
                raise
            self._last_write = time.monotonic()
            self._thin(batch)

    def _thin(self, batch: Sequence[_Timed]) -> None:
        self._numbers += sum(len(e.values) for _, e in batch if isinstance(e, Point))
        if self._endless and self._numbers >= MOST_NUMBERS // 2:
            self._numbers = 0
            with contextlib.suppress(StoreError):  # the next time does as well
                self._store.thin(self._run_id)

    def _fields(self, batch: Sequence[_Timed]) -> dict[str, Any]:
        """Return what the events change in the run's own row."""
        fields: dict[str, Any] = {}
        moved = False
        for _, event in batch:
            if isinstance(event, Point):
                self._progress.reached(event)
                moved = True
            elif isinstance(event, Ended):
                self._progress.ended(event)
            elif isinstance(event, State):
                fields["status"] = event.state
            elif isinstance(event, Notice):
                fields["words"] = event.text
            elif isinstance(event, Started):
                self._progress.started(event)
                fields.update(status="running", words="", started_info=to_json(event))
                if self._progress.position() is None:
                    fields["step"] = event.step
        if moved:
            position = self._progress.position() or (0, 0.0, 0.0)
            fields |= zip(("step", "epoch", "seconds"), position)
            fields["progress"] = self._progress.fraction()
        return fields

    def _write(self) -> None:
        while not self._closing:
            self._wake.wait(INTERVAL)
            self._wake.clear()
            if self._batch or time.monotonic() - self._last_write >= HEARTBEAT:
                self._try()

    def _try(self) -> None:
        try:
            self.flush()
        except (StoreFullError, StoreLockedError) as error:
            now = time.monotonic()
            if self._trouble_since is None:
                self._trouble_since = now
                self.put(Notice("warning", f"{error} Trying again."))
            if now - self._trouble_since > self.give_up_after:
                self._error = error
        except Exception as error:  # this thread must not die unnoticed
            self._error = error
        else:
            if self._trouble_since is not None:
                self._trouble_since = None
                self.put(Notice("info", "The run store can be written again; nothing was lost."))


def _from_environment() -> float:
    with contextlib.suppress(ValueError):
        return float(os.environ.get(GIVE_UP_VARIABLE, ""))
    return GIVE_UP_AFTER
