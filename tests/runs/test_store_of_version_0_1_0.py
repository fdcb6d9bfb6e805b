"""A store written by version 0.1.0 opens, is read, and its interrupted runs go on.

`store_0_1_0.tar.gz` holds a run and a race, each once whole and once interrupted, on spirals in
float64; made before anything moved.
"""

from __future__ import annotations

import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from proxprop.engine import load_loops
from proxprop.runs.execution import execute
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.process import Process
from proxprop.runs.results import race_table
from proxprop.runs.store import Store
from proxprop.spec.config import RaceConfig, RunConfig
from proxprop.spec.events import TABLES, Ended, Mark, Started

ARCHIVE = Path(__file__).with_name("store_0_1_0.tar.gz")
RUN, RUN_CUT, RACE, RACE_CUT = "pcjzrfed", "6ezuw6vg", "qxcgjusq", "zz6kag9g"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    store = Store()
    yield store
    store.close()


def measured(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what does not depend on a clock."""
    return frame.drop(columns=[name for name in frame if "seconds" in name])


def assert_same_points(store: Store, run_id: str, expected_id: str) -> None:
    assert store.members(run_id) == store.members(expected_id)
    for member in store.members(expected_id):
        for table in TABLES:
            expected = measured(store.points(expected_id, table, member))
            points = store.points(run_id, table, member)
            pd.testing.assert_frame_equal(
                points[[name for name in points if name in expected]],  # more is measured since
                expected,
                rtol=1e-9,
                atol=1e-14,  # residuals of exact solves are round-off
            )


def test_it_is_migrated_once_and_kept_as_it_was(store: Store) -> None:
    kept = store.home / "proxprop.db.version-1"
    with sqlite3.connect(kept) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (4,)
    connection.close()
    before = kept.read_bytes()
    store.delete(RUN)
    assert Store().empty_bin() == []
    assert kept.read_bytes() == before


def test_it_is_listed_and_read(store: Store) -> None:
    runs = {run.id: run for run in store.runs()}
    assert {id: (run.kind, run.outcome, run.step) for id, run in runs.items()} == {
        RUN: ("run", "finished", 60),
        RUN_CUT: ("run", "interrupted", 30),
        RACE: ("race", "finished", 240),
        RACE_CUT: ("race", "interrupted", 59),
    }
    config = runs[RUN].config
    assert isinstance(config, RunConfig)
    assert (config.direction.solver, config.optimizer.name, config.precision) == (
        "exact",
        "adam",
        "float64",
    )
    assert config.digest == runs[RUN].digest
    race = runs[RACE].config
    assert isinstance(race, RaceConfig)
    assert (len(race.contenders), race.seeds) == (2, 2)
    assert race.digest == runs[RACE].digest
    assert store.points(RUN, "steps")["step"].tolist() == list(range(1, 61))
    assert np.isfinite(store.points(RUN, "evaluations")["validation_loss"]).all()
    started = runs[RUN].started_info
    assert started is not None
    assert started.layers == ("linear1", "linear2", "linear3")
    assert [type(row.event) for row in store.events(RUN)] == [Started, Ended]
    assert {f"0/{name}" for name in ("samples", "boundary", "confusion")} == set(
        store.artifact_versions(RUN)
    )
    assert [row.label for row in race_table(store, RACE)] == [
        "explicit, SGD",
        "implicit (exact), SGD",
    ]


@pytest.mark.parametrize(("cut", "whole"), [(RUN_CUT, RUN), (RACE_CUT, RACE)])
def test_what_was_interrupted_goes_on_to_the_numbers_of_the_whole(
    store: Store, cut: str, whole: str
) -> None:
    assert store.run(cut).resumable
    assert store.requeue(cut, Process.current())
    ended = execute(store, cut, Mailbox(store, cut), load_loops)
    assert ended.outcome == "finished"
    assert any(
        isinstance(row.event, Mark) and row.event.kind == "resumed" for row in store.events(cut)
    )
    assert_same_points(store, cut, whole)
    now, before = store.run(cut), store.run(whole)
    assert (now.outcome, now.step, now.epoch) == (before.outcome, before.step, before.epoch)
    assert now.summary == pytest.approx(before.summary, rel=1e-9)
