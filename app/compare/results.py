"""What a race has come to, and the finished runs beside it, read once for everyone who looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from app.components.run_settings import single_config
from app.newest import newest
from app.services import get_store
from proxprop.runs.record import Run
from proxprop.runs.results import RaceResults, race_results
from proxprop.spec.config import Contender, RaceConfig
from proxprop.spec.curves import Measure
from proxprop.spec.events import Ended
from proxprop.spec.racing import Row, rows


def results_of(race: Run) -> RaceResults:
    """Return what a race has come to; read anew only when something has happened."""
    searched = get_store().artifact_versions(race.id).get("0/search", 0)
    return _read(race.id, race.revision, race.step, race.outcome or race.status, searched)


def contender_of(run: Run) -> Contender:
    """Return a finished run as if it competed."""
    config = single_config(run)
    return Contender(direction=config.direction, optimizer=config.optimizer)


def beside(
    run: Run,
    label: str,
    table: Sequence[Row],
    measure: Measure,
    target: float | None,
    baseline: int,
) -> Row:
    """Return the row of a finished run, compared with the race's baseline."""
    config, twin = run.config, contender_of(run)
    shared = config.model_dump(include={"data", "model", "batch_size", "seed", "evaluation"})
    twins = RaceConfig.parse({**shared, "contenders": (twin, twin)})
    outcome = run.outcome or "finished"
    ended = Ended(outcome, run.step, run.epoch, run.seconds, run.words, run.summary)
    evaluations, steps = _points(run.id, run.revision, run.step)
    data = ({0: evaluations}, {0: steps}, {0: ended})
    row = rows(twins, *data, target=target, measure=measure)[0]
    return replace(row, label=label).beside(table[baseline], measure)


@newest(4)
def _read(run_id: str, revision: int, step: int, state: str, searched: int) -> RaceResults:
    return race_results(get_store(), get_store().run(run_id))


@newest(8)
def _points(run_id: str, revision: int, step: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    return get_store().points(run_id, "evaluations"), get_store().points(run_id, "steps")
