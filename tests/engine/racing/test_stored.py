"""Races in real workers and in the store."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxprop.engine import load_loops
from proxprop.runs.execution import execute
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.process import Process
from proxprop.runs.results import race_results, race_table
from proxprop.runs.service import RunService
from proxprop.runs.store import Store
from proxprop.spec.config import RaceConfig
from proxprop.spec.controls import Control
from proxprop.spec.events import Ended, Mark, Started
from tests.runs.waiting import until

from .driver import EXACT, EXPLICIT, HOPELESS, ends, losses, run, small


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    store = Store()
    yield store
    store.close()


def carried_out(store: Store, config: RaceConfig) -> str:
    run_id = store.create_run(config, process=Process.current())
    execute(store, run_id, Mailbox(store, run_id), load_loops)
    return run_id


def stored_losses(store: Store, run_id: str, member: int) -> list[float]:
    return store.points(run_id, "steps", member)["loss"].tolist()


@pytest.mark.slow
def test_a_killed_race_is_resumed_to_the_numbers_of_an_uninterrupted_one(store: Store) -> None:
    config = small(
        EXPLICIT, EXACT, HOPELESS, seeds=2, budget__epochs=100.0, checkpoint__seconds=0.05,
        search={"trials": 2, "epochs": 1.0},
    )  # fmt: skip
    service = RunService(store, concurrency=1, prewarm=False)
    run_id = service.start(config)
    until(lambda: store.run(run_id).step > 300 and store.checkpoints(run_id), "it races")
    pid = store.run(run_id).pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: store.run(run_id).status == "ended", "its death is noticed")
    assert store.run(run_id).outcome in ("interrupted", "failed")
    service.resume(run_id)
    until(lambda: store.run(run_id).outcome == "finished", "it finishes")
    service.shutdown()

    straight = run(config)
    for member in range(6):
        # reprs: a diverged member's losses may be NaN
        assert repr(stored_losses(store, run_id, member)) == repr(losses(straight, member))
    told = [row.event for row in store.events(run_id)]
    last = {event.member: event for event in told if isinstance(event, Ended)}
    assert {m: end.outcome for m, end in last.items()} == {
        m: end.outcome for m, end in ends(straight).items()
    }
    assert any(isinstance(event, Mark) and event.kind == "resumed" for event in told)
    assert store.run(run_id).progress == 1.0


def test_pause_and_stop_through_the_service(store: Store) -> None:
    service = RunService(store, concurrency=1, prewarm=False)
    run_id = service.start(small(EXPLICIT, EXACT, budget={"steps": 10**6, "epochs": None}))
    until(lambda: store.run(run_id).step > 10, "it races")
    service.control(run_id, Control("pause"))
    until(lambda: store.run(run_id).status == "paused", "it pauses")
    service.control(run_id, Control("resume"))
    until(lambda: store.run(run_id).status == "running", "it goes on")
    service.control(run_id, Control("stop"))
    until(lambda: store.run(run_id).outcome == "stopped", "it stops")
    service.shutdown()
    ended = store.run(run_id)
    assert ended.step == sum(len(stored_losses(store, run_id, m)) for m in (0, 1))
    assert ended.resumable
    assert store.checkpoints(run_id)[0].step == ended.step


def test_what_is_stored_is_what_the_package_says(store: Store) -> None:
    config = small(EXPLICIT, EXACT, seeds=2, search={"trials": 2, "epochs": 1.0, "seeds": 1})
    run_id = carried_out(store, config)
    ended = store.run(run_id)
    assert store.members(run_id) == [0, 1, 2, 3]
    assert ended.step == 4 * 18
    assert ended.epoch == 3.0
    clocks = [store.points(run_id, "steps", m)["seconds"].iloc[-1] for m in range(4)]
    assert ended.seconds == pytest.approx(sum(clocks))
    started = [row.event for row in store.events(run_id) if isinstance(row.event, Started)]
    assert [event.member for event in started] == [0, 1, 2, 3]
    versions = store.artifact_versions(run_id)
    assert versions["0/search"] >= 1
    assert [name for name in versions if name.endswith("samples")] == ["0/samples"]
    payload = store.artifact(run_id, 0, "search")
    assert payload is not None
    assert payload.step == 4
    raced = race_results(store, ended).config
    for contender, winner in enumerate(payload.payload["winners"]):
        result = payload.payload["results"][winner * 2 + contender]
        assert raced.contenders[contender].optimizer.lr == result["lr"]
    assert ended.summary["contender"] in (0.0, 1.0)


def test_the_table_of_a_stored_race_equals_pandas_on_its_export(store: Store) -> None:
    run_id = carried_out(store, small(EXPLICIT, EXACT, HOPELESS, seeds=2))
    table = race_table(store, run_id, target=2.25, baseline=0)
    assert [row.diverged for row in table] == [0, 0, 2]
    for row in table[:2]:
        finals = [
            store.points(run_id, "evaluations", m)["train_loss"].iloc[-1] for m in row.members
        ]
        assert row.final["train_loss"].mean == pytest.approx(sum(finals) / 2, rel=1e-12)
    assert table[0].ratios["step_seconds"] == 1.0


def test_only_races_have_this_table(store: Store) -> None:
    run_id = store.create_run(small().run(0))
    with pytest.raises(TypeError, match="is a run, not a race"):
        race_table(store, run_id)
