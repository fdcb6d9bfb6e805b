"""What a stored race has come to: its config as raced, its table."""

from __future__ import annotations

from typing import cast

from proxprop.runs.reading import Reading
from proxprop.runs.record import Run
from proxprop.spec.config import RaceConfig
from proxprop.spec.events import Ended
from proxprop.spec.racing import Measure, Row, SearchPayload, as_raced, rows
from proxprop.spec.racing.search import ARTIFACT


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
