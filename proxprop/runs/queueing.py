"""How long a queued run waits: its position, and an estimate from those before it."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from proxprop.runs.reading import Reading
from proxprop.runs.record import Run

_RECENT = 20  # ended runs whose duration stands for that of a queued one


@dataclass(frozen=True)
class QueueEntry:
    """One waiting run.

    Attributes:
        run_id: The run.
        position: 1 for the next one to start.
        eta: Estimated seconds until it starts; None where nothing is known yet.
    """

    run_id: str
    position: int
    eta: float | None


def waiting(
    store: Reading, queue: Sequence[Run], running: Sequence[str], concurrency: int
) -> tuple[QueueEntry, ...]:
    """Return the queue with its estimates.

    Args:
        store: Where the runs are.
        queue: Queued runs, next one first.
        running: Ids of the runs that go on.
        concurrency: How many may go on at once.
    """
    left = [run.eta for run in store.get(running).values()]
    durations = [
        run.ended - run.started
        for run in store.runs(status="ended", limit=_RECENT)
        if run.started is not None and run.ended is not None
    ]
    usual = median(durations) if durations else None
    free = [0.0] * max(0, concurrency - len(left))
    known = [seconds for seconds in left if seconds is not None]
    slots: list[float] = free + known
    heapq.heapify(slots)
    entries = []
    for position, run in enumerate(queue, start=1):
        eta = heapq.heappop(slots) if slots else None
        entries.append(QueueEntry(run.id, position, eta))
        if eta is not None and usual is not None:
            heapq.heappush(slots, eta + usual)
    return tuple(entries)
