"""What stored races and sweeps have come to: a race as raced and its table, a sweep's map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from proxprop.runs.reading import Reading
from proxprop.runs.record import Run
from proxprop.spec.config import RaceConfig, SweepConfig
from proxprop.spec.curves import Measure
from proxprop.spec.events import Ended
from proxprop.spec.racing import Row, SearchPayload, as_raced, rows
from proxprop.spec.racing.search import ARTIFACT
from proxprop.spec.sweeping import MapPayload

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RaceResults:
    """A stored race as far as it has come.

    Attributes:
        config: At the step sizes that were, or are being, raced.
        search: The search of step sizes, if there is one and it has begun.
        evaluations: Member → its points of the table "evaluations".
        steps: Member → its points of the table "steps".
        ends: Member → how it ended.
    """

    config: RaceConfig
    search: SearchPayload | None
    evaluations: dict[int, pd.DataFrame]
    steps: dict[int, pd.DataFrame]
    ends: dict[int, Ended]

    @property
    def searching(self) -> bool:
        """Whether trials go on and the race itself has not begun."""
        return self.config.search is not None and not self.steps

    def table(
        self, measure: Measure = "train_loss", target: float | None = None, baseline: int = 0
    ) -> list[Row]:
        """Return a row for each contender; see `rows`."""
        data = (self.config, self.evaluations, self.steps, self.ends)
        return rows(*data, target=target, measure=measure, baseline=baseline)


def race_results(store: Reading, run: Run) -> RaceResults:
    """Return what a stored race has come to.

    Raises:
        TypeError: If the run is no race.
    """
    config, search = raced(store, run)
    members = store.members(run.id)
    ends = {
        row.event.member: row.event
        for row in store.events(run.id)
        if isinstance(row.event, Ended) and row.event.member >= 0
    }
    evaluations, steps = (
        {member: store.points(run.id, table, member) for member in members}
        for table in ("evaluations", "steps")
    )
    return RaceResults(config, search, evaluations, steps, ends)


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
    return race_results(store, store.run(run_id)).table(measure, target, baseline)


def raced(store: Reading, run: Run) -> tuple[RaceConfig, SearchPayload | None]:
    """Return what a stored race races, its search's winners in place, and that search if any.

    Raises:
        TypeError: If the run is no race.
    """
    config = run.config
    if not isinstance(config, RaceConfig):
        raise TypeError(f"run {run.id} is a {run.kind}, not a race")
    row = store.artifact(run.id, 0, ARTIFACT)
    search = None if row is None else cast(SearchPayload, row.payload)
    return as_raced(config, search), search


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
