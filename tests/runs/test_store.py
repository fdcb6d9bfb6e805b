"""The store keeps what it is given, hands it out once, and cuts exactly where it is told."""

import math
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from proxprop import paths
from proxprop.runs.errors import RunError, UnknownRunError
from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.config import Contender, RaceConfig, RunConfig
from proxprop.spec.controls import Control
from proxprop.spec.events import Artifact, Ended, Mark, Notice, Point, Started


def points(first: int, last: int, member: int = 0, table: str = "steps") -> list[Point]:
    return [
        Point(table, step, step / 10, step / 100, {"loss": 1 / (step + 1)}, member)  # type: ignore[arg-type]
        for step in range(first, last + 1)
    ]


def test_a_run_comes_back_as_it_was_described(store: Store) -> None:
    config = RunConfig().replace(**{"direction.tau": 0.3, "seed": 5})
    run = store.run(store.create_run(config, "my run", "someone", tags=["a"]))
    assert run.config == config
    assert (run.name, run.owner, run.tags, run.status) == ("my run", "someone", ("a",), "queued")
    assert run.digest == config.digest
    assert run.outcome is None


def test_a_race_comes_back_too(store: Store) -> None:
    config = RaceConfig(contenders=(Contender(), Contender(label="b")))
    run = store.run(store.create_run(config))
    assert run.kind == "race"
    assert run.config == config


def test_an_unknown_run_is_told(store: Store) -> None:
    with pytest.raises(UnknownRunError, match="no run 'nope'"):
        store.run("nope")


def test_points_keep_order_tables_members_and_odd_numbers(store: Store) -> None:
    run_id = store.create_run(RunConfig())
    odd = [
        Point("steps", 3, 0.3, 0.1, {"loss": math.nan}),
        Point("steps", 4, 0.4, 0.2, {"loss": -math.inf}),
    ]
    store.append(run_id, [*points(1, 2), *points(1, 2, member=1), *points(2, 2, 0, "evaluations")])
    store.append(run_id, odd)
    frame = store.points(run_id, "steps")
    assert list(frame.columns) == ["step", "epoch", "seconds", "loss"]
    assert frame["step"].tolist() == [1, 2, 3, 4]
    assert frame["step"].dtype == "int64"
    assert math.isnan(frame["loss"][2])
    assert frame["loss"][3] == -math.inf
    assert store.points(run_id, "steps", member=1)["step"].tolist() == [1, 2]
    assert store.points(run_id, "evaluations")["step"].tolist() == [2]
    assert store.last_point(run_id, "steps") == frame.iloc[-1].to_dict()
    assert store.last_point(run_id, "layers") == {}
    assert store.points(run_id, "layers").empty
    assert store.members(run_id) == [0, 1]


def test_a_column_that_appears_later_is_missing_before(store: Store) -> None:
    run_id = store.create_run(RunConfig())
    store.append(
        run_id,
        [Point("layers", 1, 0, 0, {"a": 1.0}), Point("layers", 2, 0, 0, {"a": 2.0, "b": 3.0})],
    )
    frame = store.points(run_id, "layers")
    assert frame["a"].tolist() == [1.0, 2.0]
    assert math.isnan(frame["b"][0])
    assert frame["b"][1] == 3.0


def test_readers_get_every_chunk_once(store: Store) -> None:
    first, second = store.create_run(RunConfig()), store.create_run(RunConfig())
    seen: list[tuple[str, float]] = []
    seq = 0
    for round_ in range(4):
        store.append(first, points(round_, round_))
        store.append(second, points(10 + round_, 10 + round_))
        for chunk in store.chunks_after([first, second], seq):
            seq = chunk.seq
            seen += [(chunk.run_id, step) for step in chunk.columns["step"]]
    assert seen == [(r, s) for i in range(4) for r, s in ((first, i), (second, 10 + i))]
    assert [c.run_id for c in store.chunks_after([second])] == [second] * 4
    assert len(store.chunks_after([first, second], limit=3)) == 3


@pytest.mark.parametrize("last", [-1, 0, 4, 5, 7, 9, 12])
def test_truncation_cuts_in_the_middle_of_a_chunk(store: Store, last: int) -> None:
    run_id = store.create_run(RunConfig())
    store.append(run_id, points(0, 4))
    store.append(run_id, points(5, 9), [(1.0, Mark(6, 0, 0, "set", "x"))], fields={"step": 9})
    before = store.points(run_id, "steps")
    assert store.truncate_after(run_id, last) == 1
    kept = store.points(run_id, "steps")
    if last < 0:
        assert kept.empty
    else:
        pd.testing.assert_frame_equal(kept, before[before["step"] <= last])
    assert len(store.events(run_id)) == (last >= 6)
    assert store.run(run_id).step == max(0, min(last, 9))
    store.append(run_id, points(last + 1, last + 2))
    assert store.points(run_id, "steps")["step"].tolist()[-2:] == [last + 1, last + 2]


def test_truncation_knows_each_members_step(store: Store) -> None:
    run_id = store.create_run(RunConfig())
    store.append(run_id, [*points(1, 9), *points(1, 9, member=1)])
    store.truncate_after(run_id, 6, {1: 4})
    assert store.points(run_id, "steps")["step"].max() == 6
    assert store.points(run_id, "steps", member=1)["step"].max() == 4


def test_events_come_back_equal(store: Store) -> None:
    run_id = store.create_run(RunConfig())
    told = [
        Started(0, 15, None, 10, ("a", "b"), ("a",), 100, "cpu", {"torch": "2"}),
        Mark(3, 0.2, 0.1, "set", "τ 0.05 → 0.5", {"direction.tau": 0.5}),
        Notice("warning", "careful", 0.5),
        Ended("diverged", 4, 0.3, 0.2, "loss 1e12 → inf", {"loss": math.inf}),
    ]
    store.append(run_id, events=[(float(i), event) for i, event in enumerate(told)])
    rows = store.events(run_id)
    assert [row.event for row in rows] == told
    assert [row.time for row in rows] == [0.0, 1.0, 2.0, 3.0]
    assert [row.event for row in store.events(run_id, after=rows[1].seq)] == told[2:]


def test_an_artifact_replaces_its_predecessor(store: Store) -> None:
    run_id = store.create_run(RunConfig())
    assert store.artifact(run_id, 0, "boundary") is None
    for step in (1, 2):
        store.append(run_id, artifacts=[Artifact("boundary", step, {"z": [step, math.nan]})])
    found = store.artifact(run_id, 0, "boundary")
    assert found is not None
    assert (found.step, found.version, found.payload) == (2, 2, {"z": [2, None]})
    assert store.artifact_versions(run_id) == {"0/boundary": 2}


def test_controls_are_taken_once_in_order(store: Store) -> None:
    run_id, other = store.create_run(RunConfig()), store.create_run(RunConfig())
    sent = [Control("pause"), Control("set", {"tau": 0.5}), Control("resume")]
    for control in sent:
        store.put_control(run_id, control)
    assert store.take_controls(other) == []
    assert store.take_controls(run_id) == sent
    assert store.take_controls(run_id) == []


def test_only_one_process_claims_a_run(store: Store) -> None:
    run_id = store.create_run(RunConfig())
    me = Process.current()
    assert store.claim(run_id, me)
    assert not store.claim(run_id, me)
    assert store.run(run_id).alive


def test_the_first_end_wins_and_requeueing_drops_old_commands(store: Store) -> None:
    run_id = store.create_run(RunConfig(), process=Process.current())
    assert not store.requeue(run_id)
    store.put_control(run_id, Control("stop"))
    assert store.end(run_id, "interrupted", "killed", {"loss": 1.0})
    assert not store.end(run_id, "finished", "too late")
    run = store.run(run_id)
    assert (run.status, run.outcome, run.words, run.summary) == (
        "ended",
        "interrupted",
        "killed",
        {"loss": 1.0},
    )
    assert run.resumable
    assert store.requeue(run_id)
    assert store.run(run_id).resume
    assert store.take_controls(run_id) == []
    assert [run.id for run in store.queue()] == [run_id]


def test_runs_are_found_by_everything_a_person_remembers(store: Store) -> None:
    adam = RunConfig().replace(**{"optimizer.name": "adam", "optimizer.lr": 1e-3})
    a = store.create_run(RunConfig(), "Alpha")
    b = store.create_run(adam, "beta", tags=["talk"])
    store.note(a, "shown on Monday")
    store.tag(b, ["talk", " blue ", "talk", ""])
    store.end(b, "finished", "done")
    assert [run.id for run in store.runs()] == [b, a]
    assert [run.id for run in store.runs(order="oldest")] == [a, b]
    assert [run.id for run in store.runs(search="monday ALPHA")] == [a]
    assert [run.id for run in store.runs(search='"adam"')] == [b]
    assert [run.id for run in store.runs(status="ended")] == [b]
    assert [run.id for run in store.runs(status=["queued", "running"])] == [a]
    assert [run.id for run in store.runs(search="blue talk")] == [b]
    assert [run.id for run in store.runs(kind="race")] == []
    assert [run.id for run in store.runs(search="100% _x")] == []
    assert store.tags() == ["blue", "talk"]


def test_deleting_can_be_undone_and_purging_cannot(store: Store) -> None:
    run_id = store.create_run(RunConfig())
    store.append(run_id, points(1, 3))
    folder = paths.checkpoints(run_id, store.home)
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(b"x")
    store.delete(run_id)
    assert store.runs() == []
    assert [run.id for run in store.runs(deleted=True)] == [run_id]
    assert store.empty_bin(older_than_days=1) == []
    store.restore(run_id)
    assert len(store.points(run_id, "steps")) == 3
    store.delete(run_id)
    assert store.empty_bin(older_than_days=0) == [run_id]
    assert not folder.exists()
    with pytest.raises(UnknownRunError):
        store.run(run_id)
    assert store.chunks_after([run_id]) == []


def test_a_clock_that_jumps_ahead_does_not_empty_the_bin(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = store.create_run(RunConfig())
    store.delete(run_id)
    day, now = 86_400, time.time()
    monkeypatch.setattr("proxprop.runs.store.time.time", lambda: now)
    now += 8 * day
    assert [store.empty_bin() for _ in range(3)] == [[], [], []]
    now -= 8 * day  # set right again
    for _ in range(5):
        assert store.empty_bin() == []
        now += day
    now += 9 * day
    assert store.empty_bin() == []
    now += day
    assert store.empty_bin() == [run_id]


def test_a_living_run_cannot_be_purged(store: Store) -> None:
    run_id = store.create_run(RunConfig(), process=Process.current())
    with pytest.raises(RunError, match="still running"):
        store.purge(run_id)


@pytest.mark.parametrize(("status", "stale"), [("starting", False), ("running", True)])
def test_a_worker_that_still_loads_torch_is_not_called_silent(
    store: Store, status: str, stale: bool
) -> None:
    run_id = store.create_run(RunConfig(), process=Process.current())
    store.append(run_id, fields={"status": status, "heartbeat": time.time() - 10})
    assert store.run(run_id).stale is stale
    store.append(run_id, fields={"heartbeat": time.time() - 600})
    assert store.run(run_id).stale


def test_a_reused_pid_is_not_taken_for_the_process(store: Store) -> None:
    me = Process.current()
    host, _, _ = me.token.rpartition(":")
    assert me.alive(None)
    assert not Process(me.pid, f"{host}:12345").alive(heartbeat=1e12)
    assert Process(me.pid, "elsewhere:1").alive(heartbeat=1e12)
    assert not Process(me.pid, "elsewhere:1").alive(heartbeat=1.0)


def test_two_stores_and_several_threads_write_at_once(store: Store, home: Path) -> None:
    other = Store(store.path)
    ids = [store.create_run(RunConfig()) for _ in range(4)]

    def write(which: Store, run_id: str) -> None:
        for step in range(40):
            which.append(run_id, points(step, step), fields={"step": step})

    threads = [
        threading.Thread(target=write, args=(which, run_id))
        for which, run_id in zip((store, other, store, other), ids)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for run_id in ids:
        assert store.points(run_id, "steps")["step"].tolist() == list(range(40))
    assert len({chunk.seq for chunk in store.chunks_after(ids)}) == 160
    other.close()
