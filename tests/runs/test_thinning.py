"""A run without end: its table stays small and equally dense, with its peaks and its last point."""

from __future__ import annotations

import math

import numpy as np
import pytest

from proxprop.runs.process import Process
from proxprop.runs.progress import Progress
from proxprop.runs.recorder import Recorder
from proxprop.runs.store import Store
from proxprop.runs.thinning import kept_rows
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Mark, Point

ENDLESS = RunConfig().replace(budget={"endless": True})


def steps(first: int, last: int, **peaks: float) -> list[Point]:
    return [
        Point("steps", n, n / 10, n / 100, {"loss": peaks.get(f"at{n}", 1 + (n % 7) / 10)})
        for n in range(first, last + 1)
    ]


@pytest.fixture
def run_id(store: Store) -> str:
    return store.create_run(ENDLESS, process=Process.current())


def test_few_points_stay_as_they_are(store: Store, run_id: str) -> None:
    store.append(run_id, steps(1, 100))
    assert store.thin(run_id, most=400) is False
    assert (len(store.points(run_id, "steps")), store.run(run_id).revision) == (100, 0)


def test_of_many_the_peaks_and_the_ends_are_kept(store: Store, run_id: str) -> None:
    for first in range(1, 1001, 100):
        store.append(run_id, steps(first, first + 99, at333=9.0, at334=0.1, at777=math.nan))
    store.append(run_id, [Point("evaluations", 500, 50.0, 5.0, {"train_loss": 1.0})])
    assert store.thin(run_id, most=400) is True
    kept = store.points(run_id, "steps")
    assert 30 <= len(kept) <= 51
    assert {333, 334, 777, 1000} <= set(kept["step"])
    assert kept["step"].is_monotonic_increasing
    assert np.diff(kept["step"]).max() < 100
    assert len(store.points(run_id, "evaluations")) == 1
    assert store.run(run_id).revision == 1  # readers start over


def test_it_can_be_thinned_again_and_again(store: Store, run_id: str) -> None:
    for first in range(1, 3001, 100):
        store.append(run_id, steps(first, first + 99))
        store.thin(run_id, most=400)
    kept = store.points(run_id, "steps")
    assert len(kept) <= 200
    assert kept["step"].iloc[0] < 150
    assert kept["step"].iloc[-1] == 3000


def test_a_reader_that_starts_over_misses_nothing_later(store: Store, run_id: str) -> None:
    store.append(run_id, steps(1, 500))
    seen = store.chunks_after([run_id])[-1].seq
    store.thin(run_id, most=400)
    store.append(run_id, steps(501, 510))
    assert [list(c.columns["step"]) for c in store.chunks_after([run_id], seen)] == [
        list(range(501, 511))
    ]


def test_what_was_thinned_comes_to_the_same_when_thinned_again() -> None:
    step = np.arange(1.0, 2001.0)
    columns = {"step": step, "epoch": step, "seconds": step, "loss": np.sin(step)}
    kept = kept_rows(columns, 100)
    assert kept is not None
    again = {name: values[kept] for name, values in columns.items()}
    assert len(kept) <= 51
    assert kept_rows(again, 100) is None


@pytest.mark.parametrize(("config", "thinned"), [(ENDLESS, True), (RunConfig(), False)])
def test_only_a_run_without_end_is_thinned_as_it_is_recorded(
    store: Store, monkeypatch: pytest.MonkeyPatch, config: RunConfig, thinned: bool
) -> None:
    monkeypatch.setattr("proxprop.runs.recorder.MOST_NUMBERS", 400)
    monkeypatch.setattr(Store.thin, "__defaults__", (400,))
    run_id = store.create_run(config, process=Process.current())
    recorder = Recorder(store, run_id, Progress(config), endless=config.budget.endless)
    for first in range(1, 2001, 100):
        for point in steps(first, first + 99):
            recorder.put(point)
        recorder.put(Mark(first, 0.0, 0.0, "set", "τ 1 → 2"))
        recorder.flush()
    assert len(store.points(run_id, "steps")) == (
        2000 if not thinned else pytest.approx(75, abs=75)
    )
    assert len(store.events(run_id)) == 20
