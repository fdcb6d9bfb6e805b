"""Sweeps in the run store. Loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from proxprop.engine.sweeping.layout import MapPayload
from proxprop.spec.config import SweepConfig

if TYPE_CHECKING:
    from proxprop.runs.reading import Reading
    from proxprop.runs.record import Run


def find_sweep(store: Reading, config: SweepConfig, *, live: bool = False) -> Run | None:
    """Return the latest stored sweep of the same config that has finished, or None.

    Args:
        store: The run store.
        config: What is asked for.
        live: Whether one that is queued, running or paused counts too; it is preferred.
    """
    same = [run for run in store.runs(kind="sweep") if run.digest == config.digest]
    going = [run for run in same if run.status != "ended"] if live else []
    return next((run for run in (*going, *same) if run in going or run.outcome == "finished"), None)


def sweep_map(store: Reading, run_id: str) -> MapPayload | None:
    """Return the map of a stored sweep as far as it has come, or None before its first run ends."""
    artifact = store.artifact(run_id, 0, "map")
    return None if artifact is None else cast(MapPayload, artifact.payload)
