"""A sweep in a real worker process: killed and resumed, and stopped from outside."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxprop.runs.results import sweep_map
from proxprop.runs.service import RunService
from proxprop.runs.store import Store
from proxprop.spec.config import SweepConfig
from proxprop.spec.controls import Control
from proxprop.spec.sweeping import default_sweep
from tests.runs.waiting import until

from .driver import last_map, run


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    store = Store()
    yield store
    store.close()


@pytest.fixture
def service(store: Store) -> Iterator[RunService]:
    service = RunService(store, 1, prewarm=False)
    yield service
    service.shutdown()


def settled(store: Store, run_id: str) -> int:
    found = sweep_map(store, run_id)
    return 0 if found is None else found["finished"]


@pytest.mark.slow
def test_a_killed_sweep_resumes_to_the_same_map(service: RunService, store: Store) -> None:
    config: SweepConfig = default_sweep(points=9, seeds=2, steps=150).replace(device="cpu")
    run_id = service.start(config)
    until(lambda: store.checkpoints(run_id) and settled(store, run_id) >= 9, "a part of the map")
    pid = store.run(run_id).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    killed = until(
        lambda: (found := store.run(run_id)).status == "ended" and found, "the kill to be noticed"
    )
    assert killed.outcome == "interrupted"
    assert settled(store, run_id) < 54
    service.resume(run_id)
    ended = until(
        lambda: (found := store.run(run_id)).outcome == "finished" and found, "the whole map"
    )
    assert ended.summary["runs"] == 54
    assert store.run(run_id).revision == 1
    assert sweep_map(store, run_id) == last_map(run(config))


def test_a_stop_reaches_a_worker_in_the_middle_of_a_map(service: RunService, store: Store) -> None:
    run_id = service.start(default_sweep(steps=5000))
    until(lambda: len(store.points(run_id, "steps", 0)) > 0, "the first losses")
    service.control(run_id, Control("stop"))
    ended = until(lambda: (found := store.run(run_id)).status == "ended" and found, "its end")
    assert ended.outcome == "stopped"
    assert ended.words.endswith("of 225 runs")
