"""Whose run is next: people take turns, however many runs one of them has queued."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from proxprop.runs.errors import RunError
from proxprop.runs.record import Run

MOST_EACH = 40  # queued runs of one person
MOST = 300  # of all


def in_turn(queue: Sequence[Run], running: Iterable[str]) -> list[Run]:
    """Return queued runs in the order in which they start.

    A run comes after those of others of which fewer go on or wait before it.

    Args:
        queue: Queued runs, oldest first.
        running: Owners of the runs that go on.
    """
    before = Counter(running)
    places = []
    for run in queue:
        places.append(before[run.owner])
        before[run.owner] += 1
    return [run for _, run in sorted(zip(places, queue), key=lambda pair: pair[0])]


def check_room(queue: Sequence[Run], owner: str) -> None:
    """Refuse one more run of a person who has enough in the queue.

    Raises:
        RunError: With what to do.
    """
    own = sum(run.owner == owner for run in queue)
    if own >= MOST_EACH:
        raise RunError(f"{own} of your runs wait already; stop some, or start this one later.")
    if len(queue) >= MOST:
        raise RunError(f"{len(queue)} runs wait already; start this one later.")
