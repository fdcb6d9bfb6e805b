"""One thread that follows the store for everyone who watches."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from app.live.snapshot import Snapshot, Token
from app.live.wire import event
from proxprop.runs.errors import StoreError
from proxprop.spec.placing import ARTIFACT, PartsPayload, places_now

if TYPE_CHECKING:
    from proxprop.runs.record import Run
    from proxprop.runs.store import Store

LIVE_PERIOD = 0.25  # seconds between looks while a watched run moves
QUIET_PERIOD = 1.0  # while all of them have ended; one may be resumed
KEPT = 60.0  # seconds a run nobody watches stays in memory: a reload comes back to it
PLACE = f"0/{ARTIFACT}"  # where parts are, of a run on several machines
MISSING = {"status": "deleted"}
MOST_MESSAGES, MOST_BYTES = 256, 16 << 20  # kept for viewers with the same past
MOST_FOLLOWED = 300  # runs at once

# Runs, tables, what is known of each.
_Key = tuple[tuple[str, ...], tuple[str, ...] | None, tuple[Token | None, ...]]

_LOGGER = logging.getLogger(__name__)


class Watch:
    """One viewer's interest in some runs; `changed` is set whenever one of them has news."""

    def __init__(self, runs: tuple[str, ...], loop: asyncio.AbstractEventLoop) -> None:
        self.runs = runs
        self.changed = asyncio.Event()
        self._loop = loop

    def notify(self) -> None:
        """Wake the viewer; called from the tailer's thread."""
        with suppress(RuntimeError):  # the loop has ended, and its viewers with it
            self._loop.call_soon_threadsafe(self.changed.set)


class Tailer:
    """Keeps a snapshot of every watched run and tells viewers when it grew.

    Args:
        store: Where runs are written down.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._snapshots: dict[str, Snapshot] = {}
        self._watches: set[Watch] = set()
        self._last_watched: dict[str, float] = {}
        self._messages: dict[_Key, tuple[bytes, str] | None] = {}
        self._kept_bytes = 0
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._trouble = ""  # what was logged last, to say it once
        self.closing = False
        self.building = asyncio.Lock()  # of the event loop that all viewers share
        self._thread = threading.Thread(target=self._follow, name="tailer", daemon=True)
        self._thread.start()

    def has_room(self, runs: tuple[str, ...]) -> bool:
        """Return whether `runs` may be followed beside those that are."""
        with self._lock:
            followed = {run for watch in self._watches for run in watch.runs}
        return not followed or len(followed | set(runs)) <= MOST_FOLLOWED

    def watch(self, runs: tuple[str, ...]) -> Watch:
        """Follow `runs` until `unwatch`; call it from the viewer's event loop."""
        watch = Watch(runs, asyncio.get_running_loop())
        with self._lock:
            self._watches.add(watch)
            if all(run in self._snapshots for run in runs):
                watch.changed.set()
        self._wake.set()
        return watch

    def unwatch(self, watch: Watch) -> None:
        """Stop following for this viewer."""
        with self._lock:
            self._watches.discard(watch)
            for run in watch.runs:
                self._last_watched[run] = time.monotonic()

    def message(
        self, runs: tuple[str, ...], tables: Collection[str] | None, last_id: str
    ) -> tuple[bytes, str] | None:
        """Return the event that brings a viewer up to date and its id, or None if nothing is new.

        The bytes are built once for all viewers with the same runs and the same past.

        Args:
            runs: Ids, in the viewer's order.
            tables: Tables it wants; None for all.
            last_id: Id of the last event it has; "" for none.
        """
        with self._lock:
            key = self._key(runs, tables, last_id)
            if key not in self._messages:
                self._keep(key, self._build(runs, tables, key[2]))
            return self._messages[key]

    def kept(
        self, runs: tuple[str, ...], tables: Collection[str] | None, last_id: str
    ) -> tuple[bytes, str] | None:
        """Return what `message` would if another viewer has had it built; never waits."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._messages.get(self._key(runs, tables, last_id))
        finally:
            self._lock.release()

    def close(self) -> None:
        """End all streams and the thread."""
        with self._lock:
            self.closing = True
            watches = list(self._watches)
        self._wake.set()
        for watch in watches:
            watch.notify()

    def _key(self, runs: tuple[str, ...], tables: Collection[str] | None, last_id: str) -> _Key:
        """Return what a viewer's next message depends on."""
        texts = last_id.split("_", len(runs))
        tokens = map(Token.parse, texts) if len(texts) == len(runs) else [None] * len(runs)
        known = tuple(
            token and (run in self._snapshots or None) and self._snapshots[run].past(token)
            for run, token in zip(runs, tokens, strict=True)
        )
        return runs, None if tables is None else tuple(sorted(tables)), known

    def _keep(self, key: _Key, message: tuple[bytes, str] | None) -> None:
        """Keep a message for others with the same past, in place of the oldest ones."""
        self._messages[key] = message
        self._kept_bytes += len(message[0]) if message else 0
        while len(self._messages) > 1 and (
            self._kept_bytes > MOST_BYTES or len(self._messages) > MOST_MESSAGES
        ):
            oldest = self._messages.pop(next(iter(self._messages)))
            self._kept_bytes -= len(oldest[0]) if oldest else 0

    def _build(
        self,
        runs: tuple[str, ...],
        tables: Collection[str] | None,
        known: tuple[Token | None, ...],
    ) -> tuple[bytes, str] | None:
        parts, tokens = [], []
        for run, token in zip(runs, known, strict=True):
            snapshot = self._snapshots.get(run)
            if snapshot is None:
                tokens.append("-")
                continue
            tokens.append(str(snapshot.token()))
            if text := snapshot.update(token, tables):
                parts.append(f'"{run}":{text}')
        if not parts:
            return None
        new_id = "_".join(tokens)
        return event(f'{{"runs":{{{",".join(parts)}}}}}', new_id), new_id

    def _follow(self) -> None:
        while not self.closing:
            watched = self._watched()
            if not watched:
                self._wake.wait(KEPT)
            else:
                live = self._look(watched)
                self._wake.wait(LIVE_PERIOD if live else QUIET_PERIOD)
            self._wake.clear()

    def _watched(self) -> set[str]:
        """Return the watched runs; forget those nobody has watched for a while."""
        with self._lock:
            watched = {run for watch in self._watches for run in watch.runs}
            now = time.monotonic()
            idle = [run for run in self._snapshots if run not in watched]
            idle.sort(key=lambda run: self._last_watched.get(run, now))
            spare = len(self._snapshots) - MOST_FOLLOWED
            for place, run in enumerate(idle):
                if place < spare or now - self._last_watched.get(run, now) >= KEPT:
                    del self._snapshots[run]
                    self._last_watched.pop(run, None)
        return watched

    def _look(self, watched: set[str]) -> bool:
        """Read what is new, wake the viewers, and return whether more is to be expected soon."""
        try:
            runs = self._store.get(watched)
            changed = {run_id for run_id in watched if self._changed(run_id, runs.get(run_id))}
        except StoreError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                _LOGGER.warning("live view: %s", error)
            return False
        self._trouble = ""
        with self._lock:
            if changed:
                self._messages.clear()
                self._kept_bytes = 0
            watches = [watch for watch in self._watches if changed & set(watch.runs)]
        for watch in watches:
            watch.notify()
        return any(run.status != "ended" for run in runs.values())

    def _changed(self, run_id: str, run: Run | None) -> bool:
        try:
            return self._refresh(run_id, run)
        except StoreError:
            raise
        except Exception:
            # One unreadable run must not end the thread that serves all others.
            _LOGGER.exception("live view: run %s could not be read", run_id)
            return False

    def _refresh(self, run_id: str, run: Run | None) -> bool:
        """Bring one snapshot up to date; return whether it changed."""
        old = self._snapshots.get(run_id)
        if run is None:
            gone = Snapshot()
            gone.head = dict(MISSING)
            with self._lock:
                self._snapshots[run_id] = gone
            return old is None or old.head != MISSING
        fresh = old is None or old.revision != run.revision or old.head == MISSING
        snapshot = Snapshot(run.revision) if fresh or old is None else old
        chunks = self._store.chunks_after([run_id], snapshot.seq)
        events = self._store.events(run_id, snapshot.event_seq)
        artifacts = self._store.artifact_versions(run_id)
        place = snapshot.place
        if artifacts.get(PLACE) != snapshot.artifacts.get(PLACE):
            place = self._place(run_id)
        again = self._store.get([run_id]).get(run_id)
        if again is None or again.revision != run.revision:
            return False  # points were cut away while we read: the next look starts over
        with self._lock:
            before = None if fresh else snapshot.token()
            snapshot.add_chunks(chunks)
            snapshot.add_events(events)
            snapshot.artifacts, snapshot.place = artifacts, place
            snapshot.set_run(run)
            self._snapshots[run_id] = snapshot
            return snapshot.token() != before

    def _place(self, run_id: str) -> str:
        row = self._store.artifact(run_id, 0, ARTIFACT)
        return "" if row is None else places_now(cast(PartsPayload, row.payload))
