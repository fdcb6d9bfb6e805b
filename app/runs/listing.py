"""Which runs are listed: search, filters, order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.components.run_titles import config_of, data_of, direction_of, state_of, summary_of
from proxprop.runs.reading import Order
from proxprop.runs.record import Run
from proxprop.runs.store import Store

ORDERS: dict[Order, str] = {
    "newest": "newest first",
    "oldest": "oldest first",
    "name": "name",
    "status": "status",
    "seconds": "longest training",
}


@dataclass(frozen=True)
class Filter:
    """What a person looks for; empty choices let everything through.

    Attributes:
        search: Words that must all occur in id, name, notes, tags or settings.
        states: States as `state_of` words them.
        data: Labels of data sets.
        directions: Directions as `direction_of` words them.
        order: Key of `ORDERS`.
    """

    search: str = ""
    states: Sequence[str] = ()
    data: Sequence[str] = ()
    directions: Sequence[str] = ()
    order: Order = "newest"


def listed(store: Store, wanted: Filter) -> list[Run]:
    """Return the runs that match, in the order asked for."""
    runs = store.runs(order=wanted.order)
    return [run for run in runs if _matches(run, wanted)]


def _matches(run: Run, wanted: Filter) -> bool:
    config = config_of(run)
    # What a person can read of a run; the config's text would match the names of its fields too.
    seen = (run.id, run.name, run.notes, *run.tags, summary_of(config), data_of(config))
    if not all(word in " ".join(seen).lower() for word in wanted.search.lower().split()):
        return False
    return all(
        not choice or value in choice
        for choice, value in (
            (wanted.states, state_of(run)),
            (wanted.data, data_of(config)),
            (wanted.directions, direction_of(config)),
        )
    )
