"""What runs are called among others: nobody can take one for another."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from app.components.run_titles import clock, names_of, title_of
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from tests.app.conftest import known_run, open_page


def test_runs_of_one_title_are_told_apart_by_what_differs(store: Store) -> None:
    configs = [RunConfig(seed=seed, batch_size=batch) for seed, batch in ((0, 100), (6, 100))]
    runs = [store.run(known_run(store, config)) for config in [*configs, RunConfig(seed=6)]]
    other = store.run(known_run(store, RunConfig().replace(**{"optimizer.lr": 0.5})))
    names = names_of([*runs, other], when=False)
    title = title_of(runs[0])
    assert names[runs[0].id] == f"{title}  ·  Seed 0"
    twin = f"{title}  ·  Seed 6  ·  {clock(runs[1].created, seconds=True)}"  # of the third
    assert names[runs[1].id].startswith(twin)
    assert names[other.id] == title_of(other)
    assert len(set(names.values())) == 4
    assert names_of([other])[other.id].endswith(clock(other.created))


def test_twins_are_told_apart_by_the_time_and_not_by_their_ids(store: Store) -> None:
    run = store.run(known_run(store))
    later = dataclasses.replace(run, id="another", created=run.created + 1)
    names = names_of([run, later], when=False)
    assert len(set(names.values())) == 2
    assert not any(run_id in name for run_id in names for name in names.values())


def test_the_time_is_said_with_its_day_unless_it_is_today() -> None:
    today = datetime.now().replace(hour=7, minute=5)
    assert clock(today.timestamp()) == "07:05"
    assert clock(datetime(2020, 3, 9, 14, 2).timestamp()) == "9 Mar 2020 14:02"


def test_every_list_of_runs_offers_each_once(store: Store) -> None:
    ids = [known_run(store) for _ in range(3)]
    frame = open_page("runs").dataframe[0].value
    assert len(set(frame["run"])) == 3
    at = open_page("layers", view="time", run=ids[0])
    assert len(set(at.selectbox(key="layers.run").options)) == 3
