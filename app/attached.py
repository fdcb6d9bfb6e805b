"""The run a page shows: its settings in force, and what can be done with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Mark


def marks_of(store: Store, run_id: str) -> list[Mark]:
    """Return what was marked on a run's curve, in order."""
    return [row.event for row in store.events(run_id) if isinstance(row.event, Mark)]


def settings_in_force(config: RunConfig, marks: Iterable[Mark]) -> RunConfig:
    """Return `config` with every live change applied, in order; planned changes stay planned."""
    planned = {change.step for change in config.changes}
    changes: dict[str, Any] = {}
    for mark in marks:
        if mark.kind == "set" and mark.step not in planned:
            changes.update(mark.changes)
    return config.replace(**changes) if changes else config
