"""The recorder keeps everything while the store is in trouble, and says so."""

import sqlite3

import pytest

from proxprop.runs.errors import StoreLockedError
from proxprop.runs.progress import Progress
from proxprop.runs.recorder import Recorder
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Notice, Point, Started, State

from .loops import started
from .waiting import until


def point(step: int) -> Point:
    return Point("steps", step, step / 10, step / 100, {"loss": 1.0})


@pytest.fixture
def hasty(store: Store) -> Store:
    return Store(store.path, busy_timeout=0.02)


def test_the_first_point_and_states_are_written_without_waiting(store: Store) -> None:
    run_id = store.create_run(RunConfig())
    with Recorder(store, run_id, Progress(RunConfig())) as recorder:
        recorder.put(started())
        recorder.put(point(1))
        until(lambda: len(store.points(run_id, "steps")), "the first point is in")
        recorder.put(State("paused", 1))
        until(lambda: store.run(run_id).status == "paused", "the pause is in")
    assert store.run(run_id).progress == 0.01


def test_the_heart_beats_while_nothing_happens(store: Store) -> None:
    run_id = store.create_run(RunConfig())
    with Recorder(store, run_id, Progress(RunConfig())):
        first = until(lambda: store.run(run_id).heartbeat, "a heartbeat")
        until(lambda: (store.run(run_id).heartbeat or 0) > first, "another one")


def test_nothing_is_lost_while_the_store_is_locked(store: Store, hasty: Store) -> None:
    run_id = store.create_run(RunConfig())
    holder = sqlite3.connect(store.path, isolation_level=None)
    with Recorder(hasty, run_id, Progress(RunConfig())) as recorder:
        holder.execute("BEGIN IMMEDIATE")
        for step in range(1, 6):
            recorder.put(point(step))
        with pytest.raises(StoreLockedError):
            recorder.flush()
        recorder.put(point(6))
        until(lambda: recorder._trouble_since, "the trouble is noticed")
        holder.execute("ROLLBACK")
        holder.close()
        until(lambda: len(store.points(run_id, "steps")) == 6, "everything is in")
        until(lambda: len(_notices(store, run_id)) == 2, "both notices are in")
        recorder.check()
    assert store.points(run_id, "steps")["step"].tolist() == [1, 2, 3, 4, 5, 6]
    trouble, relief = _notices(store, run_id)
    assert "locked by another program" in trouble
    assert relief.endswith("nothing was lost.")


def test_it_gives_up_in_the_end(store: Store, hasty: Store) -> None:
    run_id = store.create_run(RunConfig())
    holder = sqlite3.connect(store.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with Recorder(hasty, run_id, Progress(RunConfig()), give_up_after=0.1) as recorder:
        recorder.put(point(1))

        def gave_up() -> bool:
            try:
                recorder.check()
            except StoreLockedError:
                return True
            return False

        until(gave_up, "the recorder gives up")
    holder.execute("ROLLBACK")
    holder.close()
    recorder.flush()
    assert len(store.points(run_id, "steps")) == 1


@pytest.mark.parametrize(
    ("total", "limit", "expected"), [(100, None, 0.5), (100, 1.0, 1.0), (None, 2.0, 0.25)]
)
def test_progress_is_the_larger_share(
    total: int | None, limit: float | None, expected: float
) -> None:
    config = RunConfig().replace(**{"budget.seconds": limit})
    progress = Progress(config)
    assert progress.fraction() is None
    progress.started(Started(0, 10, total, 1, (), (), 1, "cpu"))
    progress.reached(Point("steps", 50, 5.0, 1.0 if total else 0.5, {}))
    assert progress.fraction() == expected


def _notices(store: Store, run_id: str) -> list[str]:
    return [row.event.text for row in store.events(run_id) if isinstance(row.event, Notice)]
