"""From stored runs to result files, without training anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from proxprop.paper.collect import collect, note
from proxprop.paper.jobs import Job, find, is_done, jobs_of, make_resumable
from proxprop.paper.result import Result, StabilityResult
from proxprop.runs.errors import RunError
from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.events import Artifact, Ended, Outcome, Point
from tests.paper.made_up import COMMON, parts, result, seed


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store.db")
    yield store
    store.close()


def raced(
    store: Store, job: Job, losses: Sequence[float], outcome: Outcome, test: float | None = None
) -> str:
    """Store a race whose contenders all have these losses after 0, 1, … epochs."""
    run_id = store.create_run(job.config, job.name, process=Process.current())
    note(store, run_id, COMMON["provenance"], COMMON["data"], {})
    points, ends = [], []
    for member in range(len(job.keys)):
        for epoch, loss in enumerate(losses):
            values = {"train_loss": loss, "validation_accuracy": 0.123456789}
            points.append(Point("evaluations", epoch, epoch, 2.0 * epoch, values, member))
        summary = {} if test is None else {"test_accuracy": test}
        last = len(losses) - 1
        ends.append((0.0, Ended(outcome, last, last, 2.0 * last, "so it ended", summary, member)))
    store.append(run_id, points, ends, fields={"status": "running"})
    store.end(run_id, "stopped" if outcome == "stopped" else "finished", "", member=-1)
    return run_id


def collected(store: Store, place: str, seeds: int, epochs: int, **more: Any) -> Result:
    part = parts()[place]
    found = collect(store, part, jobs_of(part, seeds), epochs, **more)
    assert isinstance(found, Result)
    return found


def test_seeds_come_from_races_of_their_own(store: Store) -> None:
    first, second = jobs_of(parts()["convnet/main"], 2)
    raced(store, first, [2.3, 2.0], "finished", test=0.4)
    partial = collected(store, "convnet/main", 2, 1)
    assert not partial.complete
    raced(store, second, [2.3, float("nan")], "diverged")
    found = collected(store, "convnet/main", 2, 1)
    assert found.complete
    adam = found.contender("adam")
    assert adam is not None
    one, two = adam.seeds
    assert (one.seed, one.outcome, one.test_accuracy) == (0, "finished", 0.4)
    assert (one.epoch, one.seconds, one.train_loss) == ((0, 1), (0, 2), (2.3, 2.0))
    assert one.validation_accuracy == (0.123457, 0.123457)  # six digits
    assert (two.seed, two.outcome, two.train_loss) == (1, "diverged", (2.3, None))
    assert two.words == "so it ended"


def test_a_race_stopped_after_the_epochs_asked_for_is_finished(store: Store) -> None:
    (job,) = jobs_of(parts()["convnet/main"], 1)
    run_id = raced(store, job, [2.3, 2.0, 1.9], "stopped")
    tests = {0: (2.0, 0.5), 1: (1.0, 0.6)}
    note(store, run_id, COMMON["provenance"], COMMON["data"], tests)
    for epochs, outcome in ((2, "finished"), (3, "unfinished")):
        found = collected(store, "convnet/main", 1, epochs)
        assert found.complete == (outcome == "finished")
        assert {c.seeds[0].outcome for c in found.contenders} == {outcome}
        assert {c.seeds[0].words for c in found.contenders} == {""}
        # Measured after the last epoch, after an earlier one, not at all.
        assert [c.seeds[0].test_accuracy for c in found.contenders] == [0.5, *[None] * 4]
    assert is_done(store, job, store.run(run_id), 2)
    assert not is_done(store, job, store.run(run_id), 3)


def test_references_are_copied_from_the_main_part(store: Store) -> None:
    (job,) = jobs_of(parts()["mlp/adam"], 1)
    raced(store, job, [2.3, 2.0], "finished")
    main = result("mlp/main", {"plain": seed([2.1])})
    found = collected(store, "mlp/adam", 1, 1, main=main)
    assert [one.key for one in found.contenders[:2]] == ["plain", "exact"]
    assert found.contenders[0] == main.contender("plain")
    assert len(collected(store, "mlp/adam", 1, 1).contenders) == 3


def test_batch_sizes_are_contenders_of_one_result(store: Store) -> None:
    jobs = jobs_of(parts()["batch/main"], 1)
    for job in jobs:
        raced(store, job, [2.3, 2.0], "finished")
    found = collected(store, "batch/main", 1, 1)
    assert len(found.contenders) == 18
    assert {one.config["batch_size"] for one in found.contenders} == {125, 500, 2000}
    assert jobs[0].name == "Paper: batch/main, laptop scale, batch 125, seed 0"


def test_contenders_that_have_not_been_evaluated_yet_have_no_seed(store: Store) -> None:
    (job,) = jobs_of(parts()["convnet/main"], 1)
    run_id = store.create_run(job.config, job.name, process=Process.current())
    note(store, run_id, COMMON["provenance"], COMMON["data"], {})
    values = {"train_loss": 2.3, "validation_accuracy": 0.1}
    store.append(run_id, [Point("evaluations", 0, 0.0, 0.0, values, 1)])
    found = collected(store, "convnet/main", 1, 1)
    assert [len(contender.seeds) for contender in found.contenders] == [0, 1, 0, 0, 0]
    assert found.contenders[1].seeds[0].outcome == "unfinished"


def test_nothing_stored_is_no_result(store: Store) -> None:
    part = parts()["convnet/main"]
    assert collect(store, part, jobs_of(part, 1), 1) is None


def test_a_sweep(store: Store) -> None:
    part = parts()["stability/main"]
    (job,) = jobs_of(part, 1)
    run_id = store.create_run(job.config, job.name, process=Process.current())
    note(store, run_id, COMMON["provenance"], COMMON["data"], {})
    names = {"explicit": "explicit", "implicit (CG 3)": "cg", "implicit (CG 5)": "cg",
             "implicit (exact)": "exact"}  # fmt: skip
    methods = [
        {"label": label, "solver": solver, "lr": [0.5, 5.0], "tau": [1.0, 1.0], "s": [0.5, 5.0],
         "losses": [[1.23456789, None], [None, None]],
         "outcomes": [["finished", None], ["diverged", "collapsed"]]}
        for label, solver in names.items()
    ]  # fmt: skip
    payload = {"steps": 72, "seeds": [0, 1], "constant_loss": 2.3, "initial_losses": [2.25, 2.35],
               "methods": methods}  # fmt: skip
    store.append(run_id, artifacts=[Artifact("map", 3, payload)])
    found = collect(store, part, (job,), 0)
    assert isinstance(found, StabilityResult)
    assert not found.complete
    assert (found.initial_loss, found.steps, found.seeds) == (2.3, 72, (0, 1))
    plain, cg3 = found.method("plain"), found.method("cg3")
    assert plain is not None
    assert cg3 is not None
    assert (plain.tau, cg3.tau) == ((None, None), (1.0, 1.0))
    assert cg3.losses == ((1.23457, None), (None, None))
    assert cg3.outcomes == (("finished", "unfinished"), ("diverged", "collapsed"))


def test_a_race_of_a_dead_process_can_go_on_one_of_a_live_process_is_left_alone(
    store: Store,
) -> None:
    (job,) = jobs_of(parts()["convnet/main"], 1)
    dead = store.create_run(job.config, job.name, process=Process(2**22 + 1, "elsewhere:1"))
    found = find(store, job)
    assert found is not None
    store.append(dead, fields={"heartbeat": 0.0})
    again = make_resumable(store, store.run(dead))
    assert (again.outcome, again.resumable) == ("interrupted", True)
    store.purge(dead)
    store.create_run(job.config, job.name, process=Process.current())
    alive = find(store, job)
    assert alive is not None
    assert not is_done(store, job, alive, 1)
    with pytest.raises(RunError, match="is being carried out elsewhere"):
        make_resumable(store, alive)
