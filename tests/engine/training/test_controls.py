"""Steering: every control does what it says, at the step it should."""

from __future__ import annotations

import pytest

from proxprop.engine.training import train
from proxprop.spec.config import Change, RunConfig
from proxprop.spec.controls import Control
from proxprop.spec.events import Ended, Mark, Notice, Snapshot, State
from proxprop.spec.settings import LIVE

from .driver import Desk, at_step, losses, of, points, run, run_until, small


def replaying(mark: Mark) -> Change:
    """Return the planned change that replays a "set" mark."""
    return Change(step=mark.step, values={LIVE[name]: new for name, new in mark.changes.items()})


def test_pause_holds_saves_and_resume_goes_on():
    desk = Desk()
    events = train(small(), desk)
    run_until(events, at_step(3))
    desk.send("pause")
    desk.while_paused = [Control("resume")]
    rest = list(events)
    assert [(s.state, s.step) for s in of(rest, State)] == [("paused", 3), ("running", 3)]
    assert [(s.reason, s.step) for s in of(rest, Snapshot)] == [("paused", 3), ("ended", 12)]
    assert losses(rest) == losses(run(small()))[3:]


def test_one_batch_then_holds():
    desk = Desk()
    desk.send("pause")
    desk.while_paused = [Control("step"), Control("step"), Control("stop")]
    events = run(small(), desk)
    assert [p.step for p in points(events)] == [1, 2]
    assert [s.step for s in of(events, State) if s.state == "paused"] == [0, 1, 2]


def test_layers_are_measured_wherever_one_batch_ends():
    desk = Desk()
    desk.send("pause")
    desk.while_paused = [Control(action) for action in ("step", "step", "step", "stop")]
    events = run(small(instruments__tier="cheap", instruments__every=100), desk)
    assert [p.step for p in points(events, "layers")] == [1, 2, 3]


def test_layers_are_measured_right_after_a_change():
    desk = Desk()
    events = train(small(instruments__tier="cheap", instruments__every=100), desk)
    run_until(events, at_step(5))
    desk.send("set", tau=0.7)
    assert [p.step for p in points(list(events), "layers")] == [6, 8]  # those before are past


def test_one_epoch_then_holds_at_its_end():
    desk = Desk()
    events = train(small(budget__epochs=4.0), desk)
    run_until(events, at_step(2))
    desk.send("epoch")
    desk.while_paused = [Control("epoch"), Control("stop")]
    rest = list(events)
    assert [s.step for s in of(rest, State) if s.state == "paused"] == [6, 12]


def test_stop_ends_at_once_with_a_snapshot():
    desk = Desk()
    events = train(small(), desk)
    run_until(events, at_step(5))
    desk.send("stop")
    rest = list(events)
    assert not points(rest)
    assert isinstance(rest[-1], Ended)
    assert (rest[-1].outcome, rest[-1].step, rest[-1].words) == ("stopped", 5, "stopped at step 5")
    assert [s.reason for s in of(rest, Snapshot)] == ["ended"]


def test_stop_is_obeyed_between_the_pieces_of_an_evaluation(monkeypatch):
    monkeypatch.setattr("proxprop.engine.training.session.piece_size", lambda rows: 10)

    class Busy(Desk):
        polls = 0

        def poll(self):
            self.polls += 1
            return [Control("stop")] if self.polls == 3 else []

    desk = Busy()
    events = run(small(), desk)
    assert not points(events, "evaluations")  # 15 pieces were to come, stopped after 3
    assert desk.polls == 4  # the last at the step boundary
    assert events[-1].outcome == "stopped"


def test_a_pause_in_an_evaluation_holds_there_and_loses_nothing(monkeypatch):
    monkeypatch.setattr("proxprop.engine.training.session.piece_size", lambda rows: 10)

    class Busy(Desk):
        polls = 0

        def poll(self):
            self.polls += 1
            return [Control("pause")] if self.polls == 3 else []

    desk = Busy()
    desk.while_paused = [Control("resume")]
    events = run(small(), desk)
    kinds = [type(e).__name__ for e in events]
    first_evaluation = events.index(points(events, "evaluations")[0])
    assert kinds.index("Snapshot") < first_evaluation
    assert losses(events) == losses(run(small()))


def test_a_change_is_marked_and_takes_effect_at_the_next_step():
    desk = Desk()
    events = train(small(), desk)
    run_until(events, at_step(4))
    desk.send("set", tau=0.5, lr=0.5)
    rest = list(events)
    (mark,) = of(rest, Mark)
    assert (mark.kind, mark.step, mark.label) == ("set", 4, "η 1 → 0.5, τ 0.05 → 0.5")
    assert mark.changes == {"optimizer.lr": 0.5, "direction.tau": 0.5}
    (settings,) = points(rest, "settings")
    assert (settings.step, settings.values["tau"], settings.values["explicit_lr"]) == (4, 0.5, 0.5)
    unchanged = losses(run(small()))[4:]
    assert losses(rest)[0] == unchanged[0]  # measured before the first changed step
    assert losses(rest)[1] != unchanged[1]


def test_a_live_change_equals_the_planned_one_bit_for_bit():
    desk = Desk()
    events = train(small(), desk)
    before = run_until(events, at_step(3))
    desk.send("set", tau=2.0, solver="cg", cg_steps=2)
    between = run_until(events, at_step(7))
    desk.send("set", solver="explicit", lr=0.05, explicit_lr=0.1)
    live = before + between + list(events)
    planned = tuple(replaying(mark) for mark in of(live, Mark))
    config = RunConfig.parse({**small().model_dump(), "changes": planned})
    replayed = run(config)
    assert len(planned) == 2
    assert losses(replayed) == losses(live)
    assert [(m.step, m.label) for m in of(replayed, Mark)] == [
        (m.step, m.label) for m in of(live, Mark)
    ]
    assert losses(live) != losses(run(small()))


def test_the_running_gram_is_turned_as_the_run_goes_on_and_replayed_bit_for_bit():
    desk = Desk()
    events = train(small(budget__epochs=4.0), desk)
    live = run_until(events, at_step(3))
    for step, change in (
        (6, {"gram": "running", "decay": 0.5, "refresh": 2}),
        (9, {"tau": 0.5, "decay": 0.2}),
        (13, {"gram": "auto", "refresh": 4}),
        (16, {"gram": "batch"}),
        (20, {"gram": "running"}),
    ):
        desk.send("set", **change)
        live += run_until(events, at_step(step))
    live += list(events)
    marks = of(live, Mark)
    assert marks[0].label == "Gram batch → running, decay 0.7 → 0.5, refresh 10 → 2"
    config = small(budget__epochs=4.0)
    replayed = run(config.replace(changes=tuple(replaying(mark) for mark in marks)))
    assert losses(replayed) == losses(live)
    plain = losses(run(config))
    assert losses(live)[:4] == plain[:4]
    assert losses(live)[5:] != plain[5:]
    told = [notice.text for notice in of(live, Notice)]
    assert len(told) == 3  # at each change to a Gram that is not the batch's throughout
    assert told[0].startswith("running Gram in linear1, linear2. By its arithmetic a step costs ")


def test_cg_with_a_running_gram_is_refused_in_words_and_the_run_goes_on():
    desk = Desk()
    desk.send("set", solver="cg")
    events = run(small(direction__gram="running"), desk)
    warning = of(events, Notice)[-1]
    assert warning.text.startswith("not changed: must be 'batch' with solver 'cg'")
    assert losses(events) == losses(run(small(direction__gram="running")))


@pytest.mark.parametrize("solver", ["explicit", "exact", "cg"])
def test_a_run_switched_before_its_first_step_equals_one_begun_so(solver):
    start = "exact" if solver == "explicit" else "explicit"
    desk = Desk()
    desk.send("set", solver=solver)
    switched = run(small(direction__solver=start), desk)
    assert losses(switched) == losses(run(small(direction__solver=solver)))


def test_explicit_layers_follow_their_own_step_size_or_eta_again():
    desk = Desk()
    desk.send("set", explicit_lr=0.01)
    assert losses(run(small(), desk)) == losses(run(small(optimizer__explicit_lr=0.01)))
    desk.send("set", explicit_lr=None)
    back = run(small(optimizer__explicit_lr=0.01), desk)
    assert losses(back) == losses(run(small()))
    assert of(back, Mark)[0].label == "explicit η 0.01 → as η"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"tau": -1.0}, "tau: must be > 0"),
        ({"lr": float("nan")}, "lr: must be finite"),
        ({"cg_steps": 0}, "cg_steps: must be ≥ 1, got 0"),
        ({"solver": "magic"}, "solver: must be one of"),
        ({"gram": "magic"}, "gram: must be one of"),
        ({"decay": 1.0}, "decay: must be < 1, got 1.0"),
        ({"refresh": 0}, "refresh: must be ≥ 1, got 0"),
        ({"temperature": 3}, "temperature: is not a field"),
    ],
)
def test_bad_values_are_told_and_the_run_goes_on(values, words):
    desk = Desk()
    desk.send("set", **values)
    events = run(small(), desk)
    (notice,) = of(events, Notice)
    assert notice.level == "warning"
    assert words in notice.text
    assert not of(events, Mark)
    assert losses(events) == losses(run(small()))


def test_a_checkpoint_comes_when_asked_for():
    desk = Desk()
    events = train(small(), desk)
    run_until(events, at_step(2))
    desk.send("checkpoint")
    rest = list(events)
    assert [(s.reason, s.step) for s in of(rest, Snapshot)] == [("asked", 2), ("ended", 12)]


def test_checkpoints_come_with_their_cadence():
    events = run(small(checkpoint__seconds=1e-9))
    reasons = [(s.reason, s.step) for s in of(events, Snapshot)]
    assert reasons == [*(("cadence", step) for step in range(13)), ("ended", 12)]


def test_a_change_while_paused_is_in_the_snapshot():
    desk = Desk()
    desk.send("pause")
    desk.while_paused = [Control("set", {"tau": 0.7}), Control("stop")]
    events = run(small(), desk)
    first, second = of(events, Snapshot)[:2]
    assert first.extra["settings"]["tau"] == 0.05
    assert second.extra["settings"]["tau"] == 0.7
    assert second.reason == "paused"


def test_the_tier_of_the_instruments_changes_live():
    desk = Desk()
    events = train(small(instruments__every=1), desk)
    run_until(events, at_step(6))
    desk.send("set", instruments="cheap")
    assert [p.step for p in points(list(events), "layers")] == [7, 8, 9, 10, 11, 12]
