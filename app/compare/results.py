"""The numbers of a race so far, read from the store once for everyone who looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast

import pandas as pd

from app.components.run_titles import title_of
from app.services import get_store
from proxprop.runs.record import Run
from proxprop.spec.config import Contender, RaceConfig, RunConfig
from proxprop.spec.curves import Measure
from proxprop.spec.events import Ended
from proxprop.spec.racing import Row, SearchPayload, as_raced, rows

Frames = dict[int, pd.DataFrame]


@dataclass(frozen=True)
class Results:
    """A race as far as it has come.

    Attributes:
        config: At the step sizes raced.
        search: The search of step sizes, if there is one and it has begun.
        evaluations: Member → its points of the table "evaluations".
        steps: Member → its points of the table "steps".
        ends: Member → how it ended.
    """

    config: RaceConfig
    search: SearchPayload | None
    evaluations: Frames
    steps: Frames
    ends: dict[int, Ended]

    @property
    def searching(self) -> bool:
        """Whether trials go on and the race itself has not begun."""
        return self.config.search is not None and not self.steps

    def table(self, measure: Measure, target: float | None, baseline: int) -> list[Row]:
        """Return a row for each contender."""
        data = (self.config, self.evaluations, self.steps, self.ends)
        return rows(*data, target=target, measure=measure, baseline=baseline)


def results_of(race: Run) -> Results:
    """Return what a race has come to; read anew only when something has happened."""
    searched = get_store().artifact_versions(race.id).get("0/search", 0)
    return _read(race.id, race.revision, race.step, race.outcome or race.status, searched)


def beside(
    run: Run, table: Sequence[Row], measure: Measure, target: float | None, base: int
) -> Row:
    """Return the row of a finished run, compared with the race's baseline."""
    config = run.config
    assert isinstance(config, RunConfig)
    outcome = run.outcome or "finished"
    ended = Ended(outcome, run.step, run.epoch, run.seconds, run.words, run.summary)
    evaluations, steps = _points(run.id, run.revision, run.step)
    shared = config.model_dump(exclude={"kind", "direction", "optimizer", "changes"})
    twins = RaceConfig.parse({**shared, "contenders": (contender_of(run),) * 2})
    data = ({0: evaluations}, {0: steps}, {0: ended})
    row = rows(twins, *data, target=target, measure=measure)[0]
    return replace(row, label=title_of(run)).beside(table[base], measure)


def contender_of(run: Run) -> Contender:
    """Return a finished run as if it competed."""
    config = run.config
    assert isinstance(config, RunConfig)
    return Contender(direction=config.direction, optimizer=config.optimizer)


@lru_cache(maxsize=8)
def _read(run_id: str, revision: int, step: int, state: str, searched: int) -> Results:
    store = get_store()
    run = store.run(run_id)
    config = run.config
    assert isinstance(config, RaceConfig)
    row = store.artifact(run_id, 0, "search") if searched else None
    search = cast(SearchPayload, row.payload) if row is not None else None
    members = store.members(run_id)
    ends = {
        row.event.member: row.event
        for row in store.events(run_id)
        if isinstance(row.event, Ended) and row.event.member >= 0
    }
    return Results(
        as_raced(config, search),
        search,
        {member: store.points(run_id, "evaluations", member) for member in members},
        {member: store.points(run_id, "steps", member) for member in members},
        ends,
    )


@lru_cache(maxsize=16)
def _points(run_id: str, revision: int, step: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    store = get_store()
    return store.points(run_id, "evaluations"), store.points(run_id, "steps")
