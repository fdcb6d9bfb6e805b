"""However a loop ends, the store says how, in words, and keeps what was recorded."""

import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from proxprop import paths
from proxprop.runs.checkpoints import Checkpoints
from proxprop.runs.errors import RunError, StoreFullError
from proxprop.runs.execution import execute
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.process import Process
from proxprop.runs.steering import requeue
from proxprop.runs.store import Store
from proxprop.spec.config import Contender, RaceConfig, RunConfig
from proxprop.spec.controls import Control, Loop
from proxprop.spec.events import WHOLE, Ended, Event, Notice, Snapshot, Started

from . import loops


def finishing() -> dict[str, Loop]:
    return {"run": loops.finishes}


@pytest.fixture
def carry_out(store: Store):  # type: ignore[no-untyped-def]
    def carry_out(loop: Loop, *controls: Control) -> str:
        run_id = store.create_run(RunConfig(), process=Process.current())
        mailbox = Mailbox(store, run_id)
        for control in controls:
            mailbox.put(control)
        execute(store, run_id, mailbox, lambda: {"run": loop})
        return run_id

    return carry_out


def test_a_finished_run_is_whole(store: Store, carry_out) -> None:  # type: ignore[no-untyped-def]
    run = store.run(carry_out(loops.finishes))
    assert (run.status, run.outcome, run.words) == ("ended", "finished", "done")
    assert (run.step, run.progress, run.summary) == (100, 1.0, {"loss": 0.01})
    assert run.started_info is not None
    assert run.started_info.layers == ("a",)
    assert store.points(run.id, "steps")["step"].tolist() == list(range(1, 101))
    assert [type(row.event) for row in store.events(run.id)] == [Notice, Started, Ended]
    weights = load_file(paths.checkpoints(run.id, store.home) / "weights.safetensors")
    assert weights.keys() == {"w"}
    assert weights["w"].tolist() == [100.0] * 3


def test_a_stopped_run_goes_on_where_it_stopped(store: Store, carry_out) -> None:  # type: ignore[no-untyped-def]
    run_id = carry_out(loops.finishes, Control("stop"))
    assert (store.run(run_id).outcome, store.run(run_id).step) == ("stopped", 1)
    assert store.requeue(run_id, Process.current())
    execute(store, run_id, Mailbox(store, run_id), finishing)
    run = store.run(run_id)
    assert (run.outcome, run.revision) == ("finished", 1)
    assert store.points(run_id, "steps")["step"].tolist() == list(range(1, 101))
    weights = load_file(paths.checkpoints(run_id, store.home) / "weights.safetensors")
    assert torch.equal(weights["w"], torch.full((3,), 100.0))


def test_a_run_without_a_checkpoint_begins_again(store: Store, carry_out) -> None:  # type: ignore[no-untyped-def]
    run_id = carry_out(loops.raises)
    with pytest.raises(RunError, match="the 1 steps it recorded are thrown away"):
        requeue(store, run_id)
    requeue(store, run_id, Process.current(), begin_again=True)
    execute(store, run_id, Mailbox(store, run_id), finishing)
    assert store.points(run_id, "steps")["step"].tolist() == list(range(1, 101))
    assert warnings(store, run_id) == ["No saved state was left: begun again."]


def warnings(store: Store, run_id: str) -> list[str]:
    notices = [row.event for row in store.events(run_id) if isinstance(row.event, Notice)]
    return [notice.text for notice in notices if notice.level == "warning"]


def test_a_curve_whose_checkpoints_are_damaged_is_kept_until_its_owner_lets_it_go(
    store: Store,
    carry_out,  # type: ignore[no-untyped-def]
) -> None:
    run_id = carry_out(loops.finishes)
    checkpoints = Checkpoints(store, run_id)
    checkpoints.save(Snapshot(90, {"model/w": torch.full((3,), 90.0)}, {}, "asked"))
    for row in store.checkpoints(run_id):
        (store.home / row.path).write_bytes(b"rubbish")
    store.requeue(run_id, Process.current())
    ended = execute(store, run_id, Mailbox(store, run_id), finishing)
    assert ended.outcome == "failed"
    assert "Checkpoint 0000000100.safetensors cannot be read" in ended.words
    assert f"proxprop runs resume {run_id} --begin-again" in ended.words
    assert store.points(run_id, "steps")["step"].tolist() == list(range(1, 101))
    assert (paths.checkpoints(run_id, store.home) / "weights.safetensors").exists()
    with pytest.raises(RunError, match="the 100 steps it recorded are thrown away"):
        requeue(store, run_id)
    requeue(store, run_id, Process.current(), begin_again=True)
    assert execute(store, run_id, Mailbox(store, run_id), finishing).outcome == "finished"
    assert store.points(run_id, "steps")["step"].tolist() == list(range(1, 101))
    assert warnings(store, run_id) == ["No saved state was left: begun again."]


def test_weights_of_an_earlier_end_are_gone_once_the_run_goes_on(
    store: Store,
    carry_out,  # type: ignore[no-untyped-def]
) -> None:
    run_id = carry_out(loops.finishes, Control("stop"))
    weights = paths.checkpoints(run_id, store.home) / "weights.safetensors"
    assert load_file(weights)["w"].tolist() == [1.0] * 3
    store.requeue(run_id, Process.current())
    execute(store, run_id, Mailbox(store, run_id), lambda: {"run": loops.raises})
    assert (store.run(run_id).outcome, weights.exists()) == ("failed", False)


def test_an_interruption_is_no_stop(store: Store) -> None:
    run_id = store.create_run(RunConfig(), process=Process.current())
    mailbox = Mailbox(store, run_id)
    mailbox.interrupt("The server went away.")
    ended = execute(store, run_id, mailbox, finishing)
    assert (ended.outcome, ended.words) == ("interrupted", "The server went away.")
    assert store.run(run_id).outcome == "interrupted"


def test_an_exception_is_one_sentence_and_a_log(store: Store, carry_out) -> None:  # type: ignore[no-untyped-def]
    run = store.run(carry_out(loops.raises))
    log = paths.log(run.id, store.home)
    assert run.outcome == "failed"
    assert run.words == f"ZeroDivisionError: the third wheel. The details are in {log}."
    assert "Traceback" in log.read_text()
    assert len(store.points(run.id, "steps")) == 1


def test_bad_data_speaks_for_itself(store: Store, carry_out) -> None:  # type: ignore[no-untyped-def]
    run = store.run(carry_out(loops.has_bad_data))
    assert (run.outcome, run.words) == ("failed", "Image cat/1.png cannot be read; remove it.")
    assert not paths.log(run.id, store.home).exists()


def test_a_loop_that_says_nothing_has_failed(store: Store, carry_out) -> None:  # type: ignore[no-untyped-def]
    assert store.run(carry_out(loops.says_nothing)).outcome == "failed"


def test_a_race_ends_with_the_end_of_the_whole_and_keeps_its_members(store: Store) -> None:
    config = RaceConfig(contenders=(Contender(), Contender(label="b"), Contender(label="c")))
    run_id = store.create_run(config, process=Process.current())
    execute(store, run_id, Mailbox(store, run_id), lambda: {"race": loops.races})
    run = store.run(run_id)
    assert (run.outcome, run.words) == ("finished", "the first one wins")
    assert (run.summary, run.step, run.progress) == ({"diverged": 1.0}, 3, 1.0)
    ends = [row.event for row in store.events(run.id) if isinstance(row.event, Ended)]
    assert [(end.member, end.outcome) for end in ends] == [
        (0, "finished"),
        (1, "diverged"),
        (2, "finished"),
        (WHOLE, "finished"),
    ]


def test_a_kind_without_a_loop_is_told(store: Store) -> None:
    run_id = store.create_run(RunConfig(), process=Process.current())
    ended = execute(store, run_id, Mailbox(store, run_id), dict)
    assert ended.outcome == "failed"
    assert "cannot carry out a 'run'" in ended.words


def test_a_damaged_checkpoint_costs_the_way_from_the_one_before(store: Store, carry_out) -> None:  # type: ignore[no-untyped-def]
    run_id = carry_out(loops.finishes)
    Checkpoints(store, run_id).save(Snapshot(90, {"model/w": torch.full((3,), 90.0)}, {}, "asked"))
    last, before = store.checkpoints(run_id)
    (store.home / last.path).write_bytes(b"rubbish")
    store.requeue(run_id, Process.current())
    seen: list[Started] = []
    mailbox = Mailbox(store, run_id)
    execute(store, run_id, mailbox, finishing, lambda event: _keep(seen, event))
    assert [event.step for event in seen] == [before.step]
    assert (before.step, last.step) == (90, 100)
    assert store.points(run_id, "steps")["step"].tolist() == list(range(1, 101))
    notices = [row.event.text for row in store.events(run_id) if isinstance(row.event, Notice)]
    assert any("An earlier checkpoint is used." in text for text in notices)


def test_a_run_goes_on_without_checkpoints(
    store: Store,
    carry_out,  # type: ignore[no-untyped-def]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise StoreFullError("The disk is full.")

    monkeypatch.setattr(Checkpoints, "save", refuse)
    run = store.run(carry_out(loops.finishes))
    assert (run.step, run.outcome) == (100, "failed")  # all of it was done, and nothing kept
    assert run.words.endswith(
        "Its last state and weights are lost. No checkpoint at step 100: The disk is full."
    )
    notices = [row.event.text for row in store.events(run.id) if isinstance(row.event, Notice)]
    assert "No checkpoint at step 100: The disk is full." in notices


def test_a_checkpoint_that_failed_on_the_way_is_said_and_forgiven(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Checkpoints.save

    def refuse_first(checkpoints: Checkpoints, snapshot: Snapshot) -> object:
        if snapshot.step < 100:
            raise StoreFullError("The disk is full.")
        return save(checkpoints, snapshot)

    def saves_twice(*arguments: Any, **keywords: Any) -> Iterator[Event]:
        yield Snapshot(50, {"model/w": torch.zeros(3)}, {}, "cadence")
        time.sleep(0.3)
        yield from loops.finishes(*arguments, **keywords)

    monkeypatch.setattr(Checkpoints, "save", refuse_first)
    run_id = store.create_run(RunConfig(), process=Process.current())
    seen: list[object] = []
    mailbox = Mailbox(store, run_id)
    ended = execute(store, run_id, mailbox, lambda: {"run": saves_twice}, seen.append)
    assert ended.outcome == "finished"
    notice = Notice("warning", "No checkpoint at step 50: The disk is full.")
    assert notice in seen


def test_a_config_of_another_version_fails_in_words(store: Store) -> None:
    run_id = store.create_run(RunConfig(), process=Process.current())
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE runs SET config = '{\"warp\": 9}'")
    connection.close()
    execute(store, run_id, Mailbox(store, run_id), finishing)
    run = store.run(run_id)
    assert run.outcome == "failed"
    assert "warp" in run.words


def _keep(seen: list[Started], event: object) -> None:
    if isinstance(event, Started):
        seen.append(event)
