"""A running run's settings, turned in several windows at once: what a window shows and sends."""

from __future__ import annotations

import time
from typing import Any

import pytest
import streamlit as st

from app.state.draft import Draft
from app.state.telling import ANSWERS, DEAF, heard, overtaken, said, show_value
from app.state.visits import TOOK
from app.train import form
from app.train.state import RunDraft
from proxprop import paths
from proxprop.runs.record import to_json
from proxprop.runs.store import Store
from proxprop.spec.events import Mark, Point, Started
from tests.app.conftest import components, dials, known_run, open_page, query, text, turn

TAU = "direction.tau"


def test_what_another_window_set_replaces_what_was_sent_before_it() -> None:
    draft = RunDraft(sent={TAU: [0.06, 0.08, 0.1]})
    first = dict(draft.values)

    def seen(tau: float) -> float:
        draft.follow({**first, TAU: tau}, [{TAU: tau}])
        return float(draft.values[TAU])

    draft.values[TAU] = 0.1
    assert seen(0.06) == 0.1  # our own, and two more are on their way
    assert seen(0.1) == 0.1
    assert seen(0.02) == 0.02
    assert draft.sent == {}


def test_a_change_taken_back_waits_for_nothing() -> None:
    draft = RunDraft(sent={TAU: [0.06, 0.05]})
    same = dict(draft.values)
    draft.follow(same)
    draft.follow({**same, TAU: 0.06}, [{TAU: 0.06}])
    assert draft.values[TAU] == 0.06


def test_what_was_turned_back_between_two_looks_is_not_missed() -> None:
    """Our own change and another window's, back to what was before, seen at once."""
    draft = RunDraft(sent={TAU: [0.5]})
    draft.values[TAU] = 0.5
    draft.follow(dict(RunDraft().values), [{TAU: 0.5}, {TAU: 0.05}])
    assert draft.values[TAU] == 0.05
    assert draft.sent == {}


def test_what_is_typed_after_a_change_outlives_its_arrival() -> None:
    """A refused text would vanish with its refusal when the change sent before it is seen."""
    draft = RunDraft(sent={TAU: [0.5]})
    draft.values[TAU] = "much"
    draft.follow({**RunDraft().values, TAU: 0.5}, [{TAU: 0.5}])
    assert draft.values[TAU] == "much"
    draft.follow({**RunDraft().values, TAU: 0.1}, [{TAU: 0.1}])
    assert draft.values[TAU] == 0.1  # by another window


def test_a_run_that_goes_on_again_is_shown_as_it_is(store: Store) -> None:
    run_id = known_run(store, outcome="stopped")
    at = open_page("train", run=run_id)
    turn(at, at.session_state["TrainState"].draft, "direction.tau", "0.7")
    at.button(key="resume").click().run()
    assert dials(at)["dial.direction.tau"]["text"] == "0.5"  # nobody has sent the other one


def test_a_change_while_the_page_is_drawn_is_still_news_to_its_status(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = known_run(store, outcome=None)  # τ was changed once
    draw, late = form.step_group, [Mark(30, 2.0, 3.0, "set", "", {TAU: 0.9})]

    def change_when_drawn(draft: Draft) -> None:
        draw(draft)
        if late:
            store.append(run_id, events=[(0.0, late.pop())])

    monkeypatch.setattr(form, "step_group", change_when_drawn)
    at = open_page("train", run=run_id)
    (shown,) = components(at, "status")
    assert (dials(at)[f"dial.{TAU}"]["text"], shown["states"][run_id]["changes"]) == ("0.5", 1)
    assert dials(at.run())[f"dial.{TAU}"]["text"] == "0.9"


def test_a_command_after_the_end_is_no_error(store: Store) -> None:
    run_id = known_run(store, outcome=None)
    store.take_controls(run_id)
    at = open_page("train", run=run_id)
    store.end(run_id, "finished", "finished after 30 epochs")
    at.button(key="pause").click().run()
    assert [toast.value for toast in at.toast] == ["The run had ended."]
    assert not at.error
    assert store.take_controls(run_id) == []


def test_a_stop_after_the_end_is_not_even_told(store: Store) -> None:
    run_id = known_run(store, outcome=None)
    at = open_page("train", run=run_id)
    store.end(run_id, "diverged", "diverged at step 37")
    at.button(key="stop").click().run()
    assert not at.toast
    assert not at.error


def test_a_widget_is_told_again_and_its_old_word_is_not_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session: dict[str, Any] = {"solver": "exact"}
    monkeypatch.setattr(st, "session_state", session)
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    show_value("solver", "cg")
    assert overtaken("solver", "exact")
    assert not overtaken("solver", "explicit")
    now[0] = 60.0
    assert not overtaken("solver", "exact")  # by now it is a person's choice
    show_value("solver", "exact")
    now[0] += 5.0
    assert not overtaken("solver", "cg")
    session[TOOK] = 4.0  # a busy machine: what was clicked before arrives as late
    assert overtaken("solver", "cg")
    session[ANSWERS] = True  # a page with a component that says what the browser has
    show_value("solver", "cg")
    now[0] += DEAF
    assert overtaken("solver", "exact")
    session["solver"] = "exact"
    show_value("solver", "cg")
    heard(said()["told"])
    assert not overtaken("solver", "exact")
    show_value("solver", "explicit")
    now[0] += 5 * DEAF
    assert not overtaken("solver", "cg")  # whoever does not answer for long is not waited for


def diverged_run(store: Store) -> str:
    """Write down a run that was saved at steps 8 and 16 and diverged at 40."""
    layers = ("linear1", "linear2", "linear3")
    run_id = known_run(store, outcome=None, saved=False)
    began = Started(0, 15, None, 9, layers, layers[:2], 99, "cpu")
    place = {"epoch": 0.1, "seconds": 0.1}
    records = [
        Point("layers", n, **place, values={f"update/{name}": size for name in layers})
        for n, size in ((1, 0.01), (38, 4.0))
    ]
    store.append(run_id, records, fields={"started_info": to_json(began)})
    for step in (8, 16):
        path = paths.checkpoints(run_id, store.home) / f"{step}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        store.add_checkpoint(run_id, step, str(path.relative_to(store.home)))
    store.end(run_id, "diverged", "diverged at step 40: loss 3.2 → 1.52e+04")
    return run_id


def test_after_a_divergence_one_sentence_says_whose_step_grew(store: Store) -> None:
    at = open_page("train", run=diverged_run(store))
    assert (
        "layer linear1 had grown largest: 1 % of its weights at step 1, 400 % at step 38"
        in text(at)
    )


def test_back_to_a_saved_step_is_a_new_run_with_what_was_turned_since(store: Store) -> None:
    old = diverged_run(store)
    at = open_page("train", run=old)
    assert at.button(key="back").label == "Back to step 16"
    assert not [button for button in at.button if button.key == "resume"]
    turn(at, at.session_state["TrainState"].draft, "optimizer.lr", "0.1")
    at.button(key="back.8").click().run()
    assert not at.error
    new = query(at)["run"]
    assert new != old
    run = store.run(new)
    assert (run.status, run.step, run.resume) == ("queued", 8, True)
    assert store.points(new, "steps")["step"].max() == 8
    (control,) = store.take_controls(new)
    assert (control.action, control.values) == ("set", {"lr": 0.1})
    assert dials(at)["dial.optimizer.lr"]["text"] == "0.1"
    assert dials(at)["dial.direction.tau"]["text"] == "0.05"  # turned to 0.5 at step 20
    assert store.run(old).outcome == "diverged"
