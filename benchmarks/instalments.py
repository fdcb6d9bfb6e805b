"""A long race in several calls: each goes on where the one before it stopped."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from proxprop.cli.following import begin, follow
from proxprop.runs.store import Store
from proxprop.spec.config import RaceConfig
from proxprop.spec.controls import Control
from proxprop.spec.racing import SearchPayload

_INTERVAL = 0.05
_TOOK = "took.txt"


def go_on(
    store: Store, name: str, config: RaceConfig, deadline: float, searches: bool = False
) -> None:
    """Begin or continue a race of this name, until its end or the deadline.

    Args:
        store: Where it is kept between calls.
        name: Its name there.
        config: The race.
        deadline: On the monotonic clock; then it stops with a checkpoint.
        searches: Whether to stop when its search is done.
    """
    known = next((run for run in store.runs(kind="race") if run.name == name), None)
    if known is not None and known.config != config:
        sys.exit(f"{store.home} holds another race called {name}; choose another --home")
    over = known is not None and (known.outcome == "finished" or (searches and _found(store, name)))
    if over or time.monotonic() >= deadline:
        return
    began = time.perf_counter()
    run_id = begin(store, None if known else config, name, known.id if known else None)
    with _stopping(store, run_id, name, deadline, searches):
        ended, stopped = follow(store, run_id)
    (store.home / _TOOK).write_text(f"{taken(store) + time.perf_counter() - began}")
    if ended.outcome not in ("finished", "stopped"):
        sys.exit(f"the race {ended.outcome}: {ended.words}")
    if stopped:
        sys.exit(ended.words)


def ended_early(store: Store, name: str) -> bool:
    """Whether a race has something left to do."""
    return not any(
        run.name == name and run.outcome == "finished" for run in store.runs(kind="race")
    )


def taken(store: Store) -> float:
    """Return the seconds that all calls have spent on the races of a store."""
    file = store.home / _TOOK
    return float(file.read_text()) if file.exists() else 0.0


def _found(store: Store, name: str) -> bool:
    run = next(run for run in store.runs(kind="race") if run.name == name)
    assert isinstance(run.config, RaceConfig)
    artifact = store.artifact(run.id, 0, "search")
    if run.config.search is None or artifact is None:
        return run.config.search is None
    payload = cast(SearchPayload, artifact.payload)
    return len(payload["results"]) == payload["total"]


@contextmanager
def _stopping(
    store: Store, run_id: str, name: str, deadline: float, searches: bool
) -> Iterator[None]:
    """Tell the race to stop when its time is up."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_INTERVAL):
            if time.monotonic() >= deadline or (searches and _found(store, name)):
                store.put_control(run_id, Control("stop"))
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
