"""What stored races and sweeps have come to: a race as raced and its table, a sweep's map."""

from __future__ import annotations

from typing import cast

from proxprop.runs.reading import Reading
from proxprop.runs.record import Run
from proxprop.spec.config import RaceConfig, SweepConfig
from proxprop.spec.curves import Measure
from proxprop.spec.events import Ended
from proxprop.spec.racing import Row, SearchPayload, as_raced, rows
from proxprop.spec.racing.search import ARTIFACT
from proxprop.spec.sweeping import MapPayload


def raced_config(store: Reading, run: Run) -> RaceConfig:
    """Return the config of a stored race at the step sizes that were, or are being, raced."""
    config = run.config
    if not isinstance(config, RaceConfig):
        raise TypeError(f"run {run.id} is a {run.kind}, not a race")
    row = store.artifact(run.id, 0, ARTIFACT)
    return as_raced(config, None if row is None else cast(SearchPayload, row.payload))


def race_table(
    store: Reading,
    run_id: str,
    *,
    target: float | None = None,
    measure: Measure = "train_loss",
    baseline: int = 0,
) -> list[Row]:
    """Return the table of a stored race as far as it has come; see `rows`.

    Raises:
        TypeError: If the run is no race.
    """
    config = raced_config(store, store.run(run_id))
    present = store.members(run_id)
    ends = {
        row.event.member: row.event
        for row in store.events(run_id)
        if isinstance(row.event, Ended) and row.event.member >= 0
    }
    return rows(
        config,
        {member: store.points(run_id, "evaluations", member) for member in present},
        {member: store.points(run_id, "steps", member) for member in present},
        ends,
        target=target,
        measure=measure,
        baseline=baseline,
    )


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
