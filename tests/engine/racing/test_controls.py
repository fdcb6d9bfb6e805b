"""A person's commands reach every contender, whatever it is at."""

from __future__ import annotations

import pytest

from proxprop.engine.racing import race
from proxprop.spec.config import RaceConfig
from proxprop.spec.controls import Control
from proxprop.spec.events import Ended, Event, Mark, Notice, Point, Snapshot, State
from tests.engine.training.driver import Desk, of, points, run_until

from .driver import EXACT, EXPLICIT, HOPELESS, losses, run, small

LONG = {"budget__epochs": 40.0}


def first_step(event: Event) -> bool:
    return isinstance(event, Point) and event.table == "steps"


def paused(event: Event) -> bool:
    return isinstance(event, State) and event.state == "paused"


class Scripted(Desk):
    """Answers a pause with commands, one list per pause; then stops."""

    def __init__(self, *answers: list[Control]) -> None:
        super().__init__()
        self.answers = list(answers)

    def wait(self, seconds: float) -> list[Control]:
        return self.answers.pop(0) if self.answers else [Control("stop")]


def test_a_pause_holds_all_and_loses_nothing() -> None:
    config = small(EXPLICIT, EXACT, **LONG)
    desk = Scripted([], [], [Control("resume")])
    events = race(config, desk)
    before = run_until(events, first_step)
    desk.send("pause")
    before += run_until(events, paused)
    (snapshot,) = run_until(events, lambda event: isinstance(event, Snapshot))
    assert snapshot.reason == "paused"
    assert snapshot.extra["member_steps"] == {str(m): len(losses(before, m)) for m in (0, 1)}
    after = list(events)
    assert [state.state for state in of(after, State)] == ["running"]
    straight = run(config)
    for member in (0, 1):
        assert losses(before + after, member) == losses(straight, member)


@pytest.mark.parametrize(("action", "steps"), [("step", 1), ("epoch", 6)])
def test_one_batch_or_epoch_of_every_contender(action: str, steps: int) -> None:
    desk = Scripted([Control(action)], [Control(action)])
    desk.send("pause")
    events = run(small(EXPLICIT, EXACT, **LONG), desk)
    states = [state.state for state in of(events, State)]
    assert states == ["running", "paused", "running", "paused", "running", "paused"]
    assert [len(losses(events, member)) for member in (0, 1)] == [2 * steps, 2 * steps]


def test_all_epochs_up_to_one_whatever_was_searched_before() -> None:
    search = {"trials": 2, "epochs": 2.0}
    desk = Scripted()
    desk.send("epoch", until=1)
    events = run(small(EXPLICIT, EXACT, search=search, **LONG), desk)
    assert [state.state for state in of(events, State)] == ["running", "paused"]
    assert [len(losses(events, member)) for member in (0, 1)] == [6, 6]


def test_who_is_past_the_epoch_asked_for_holds_at_once() -> None:
    config = small(EXPLICIT, EXACT, **LONG)
    desk = Scripted()
    desk.send("epoch", until=2)
    snapshot = of(run(config, desk), Snapshot)[-1]
    for until, steps in ((1, 0), (2, 0), (3, 6)):
        desk = Scripted()
        desk.send("epoch", until=until)
        events = run(config, desk, snapshot=snapshot)
        assert [len(losses(events, member)) for member in (0, 1)] == [steps, steps]


def test_a_paused_race_is_resumed_from_its_snapshot() -> None:
    config = small(EXPLICIT, EXACT, seeds=2)
    desk = Scripted([Control("epoch")])
    desk.send("pause")
    events = run(config, desk)
    snapshot = [e for e in of(events, Snapshot) if e.reason == "paused"][-1]
    assert snapshot.extra["member_steps"] == {"0": 6, "1": 6, "2": -1, "3": -1}
    after = run(config, snapshot=snapshot)
    straight = run(config)
    assert losses(events, 1)[:6] + losses(after, 1) == losses(straight, 1)


def test_a_pause_between_seeds_holds_the_next_one() -> None:
    desk = Scripted([Control("resume")])
    events = race(small(EXPLICIT, EXACT, seeds=2), desk)
    for _ in range(2):
        run_until(events, lambda event: isinstance(event, Ended))
    desk.send("pause")
    middle = run_until(events, paused)
    assert losses(middle, 2) == losses(middle, 3) == []
    rest = list(events)
    assert len(losses(rest, 2)) == 18
    assert rest[-1].outcome == "finished"


@pytest.mark.parametrize("commands", [["resume", "pause"], ["step", "pause"], ["pause", "pause"]])
def test_contrary_commands_in_one_breath(commands: list[str]) -> None:
    desk = Scripted([Control(action) for action in commands])
    desk.send("pause")
    events = run(small(EXPLICIT, EXACT, **LONG), desk)
    assert [len(losses(events, member)) for member in (0, 1)] == [0, 0]
    assert events[-1].outcome == "stopped"


def test_a_pause_taken_back_at_once_holds_nobody() -> None:
    desk = Desk()
    desk.send("pause")
    desk.send("resume")
    events = run(small(), desk)
    assert [state.state for state in of(events, State)] == ["running"]
    assert events[-1].outcome == "finished"


def test_stop_ends_every_member_and_the_race() -> None:
    desk = Desk()
    events = race(small(EXPLICIT, EXACT, seeds=3, **LONG), desk)
    run_until(events, first_step)
    desk.send("stop")
    rest = list(events)
    assert [(end.member, end.outcome) for end in of(rest, Ended)][-1] == (-1, "stopped")
    assert {end.member: end.outcome for end in of(rest, Ended)} == {
        0: "stopped",
        1: "stopped",
        -1: "stopped",
    }


def test_stop_before_the_first_step() -> None:
    desk = Desk()
    desk.send("stop")
    events = run(small(seeds=2), desk)
    assert points(events) == []
    assert events[-1].outcome == "stopped"


def test_settings_are_refused_in_words() -> None:
    desk = Desk()
    desk.send("set", lr=3.0)
    events = run(small(), desk)
    (notice,) = of(events, Notice)
    assert notice.level == "warning"
    assert "contenders of a race keep their settings" in notice.text
    assert of(events, Mark) == []


def test_instruments_are_turned_on_for_all() -> None:
    desk = Desk()
    desk.send("set", instruments="cheap")
    events = run(small(instruments__every=1), desk)
    assert {mark.member for mark in of(events, Mark)} == {0, 1}
    assert {p.member for p in points(events, "layers")} == {0, 1}


def test_instruments_turned_on_while_paused() -> None:
    desk = Scripted([Control("set", {"instruments": "cheap"})], [Control("resume")])
    desk.send("pause")
    events = run(small(instruments__every=1), desk)
    assert {p.member for p in points(events, "layers")} == {0, 1}
    assert events[-1].outcome == "finished"


def test_a_pause_while_a_contender_diverges() -> None:
    config = small(EXACT, HOPELESS)
    desk = Scripted([Control("resume")])
    events = race(config, desk)
    before = run_until(
        events, lambda e: first_step(e) and e.member == 1 and not e.values["loss"] < 9e3
    )
    desk.send("pause")
    rest = before + list(events)
    outcomes = {end.member: end.outcome for end in of(rest, Ended)}
    assert outcomes == {0: "finished", 1: "diverged", -1: "finished"}
    assert losses(rest, 0) == losses(run(config), 0)


def test_a_checkpoint_asked_for_while_paused() -> None:
    desk = Scripted([Control("checkpoint")], [Control("resume")])
    desk.send("pause")
    events = run(small(), desk)
    assert [snapshot.reason for snapshot in of(events, Snapshot)] == ["paused", "asked"]


class Nervous(Desk):
    """Pauses and resumes all the time."""

    asked = 0

    def poll(self) -> list[Control]:
        self.asked += 1
        return [Control("pause")] if self.asked % 5 == 0 else []

    def wait(self, seconds: float) -> list[Control]:
        return [Control("resume")]


def test_pausing_all_the_time_changes_no_number() -> None:
    config: RaceConfig = small(EXPLICIT, EXACT, budget__epochs=1.0, data__samples=100)
    nervous = run(config, Nervous())
    calm = run(config)
    for member in (0, 1):
        assert losses(nervous, member) == losses(calm, member)
