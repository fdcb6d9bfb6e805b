"""A run without an end, at the speed of talking: it goes on until it is stopped, and obeys."""

from __future__ import annotations

import itertools
import math
import time
from typing import Any

import pytest

from proxprop.engine.training import loop, train
from proxprop.spec.config import ConfigError, RaceConfig, RunConfig, to_query
from proxprop.spec.config.query import from_query
from proxprop.spec.controls import Control
from proxprop.spec.events import Ended, Mark, Snapshot, Started

from .driver import Desk, at_step, losses, of, points, run, run_until, small

ENDLESS = {"budget": {"endless": True}}


class Clock:
    """A clock that moves only while the loop waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


class Patient(Desk):
    """Waits on the clock; commands come at their moments."""

    def __init__(self, clock: Clock, *commands: tuple[float, Control]) -> None:
        super().__init__()
        self.clock, self.commands = clock, list(commands)

    def poll(self) -> list[Control]:
        due = [control for at, control in self.commands if at <= self.clock.now]
        self.commands = [(at, c) for at, c in self.commands if at > self.clock.now]
        return due

    def wait(self, seconds: float) -> list[Control]:
        self.clock.now += seconds
        return self.poll()


def endless(**changes: Any) -> RunConfig:
    return small(**changes).replace(**ENDLESS)


def test_it_goes_on_until_it_is_stopped() -> None:
    desk = Desk()
    events = train(endless(), desk)
    taken = run_until(events, at_step(40))  # the default budget of this run would be 12 steps
    assert of(taken, Started)[0].total_steps is None
    desk.send("stop")
    (ended,) = of(list(events), Ended)
    assert ended.outcome == "stopped"


def test_its_numbers_are_those_of_a_run_with_an_end() -> None:
    taken = run_until(train(endless(), Desk()), at_step(12))
    assert losses(taken) == losses(run(small()))


def test_a_limit_beside_it_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"budget\.endless: must be off beside a limit, got steps"
    ):
        RunConfig.parse({"budget": {"endless": True, "steps": 5}})


def test_a_race_needs_an_end() -> None:
    with pytest.raises(ConfigError, match=r"budget\.endless: must be off for a race"):
        RaceConfig.parse({"contenders": [{}, {}], "budget": {"endless": True}})


def test_it_is_in_the_link_and_determines_no_numbers_of_others() -> None:
    config = endless(pace=2.0)
    assert from_query(to_query(config)) == config
    assert RunConfig().replace(pace=2.0).digest == RunConfig().digest


def test_steps_come_as_slowly_as_the_speed_limit_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    events = train(endless(pace=2.0), Patient(clock))
    when = {}
    for event in itertools.islice(events, 200):
        if event in points([event]):
            when[event.step] = clock.now
    assert [when[step] - when[1] for step in (2, 3, 4)] == pytest.approx([0.5, 1.0, 1.5])


def test_a_change_of_the_speed_is_a_change_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    faster = Control("set", {"pace": None})
    events = train(endless(pace=0.1), Patient(clock, (1.0, faster)))
    taken = run_until(events, at_step(50))
    (mark,) = of(taken, Mark)
    assert (mark.label, mark.changes) == ("steps a second 0.1 → any", {"pace": None})
    assert clock.now < 2  # it did not wait out the ten seconds of a step


def test_commands_are_obeyed_while_it_holds_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    desk = Patient(clock, (3.0, Control("set", {"tau": 0.5})), (5.0, Control("stop")))
    events = list(train(endless(pace=0.01), desk))
    (mark,) = of(events, Mark)
    assert (mark.step, mark.changes) == (1, {"direction.tau": 0.5})
    assert of(events, Ended)[0].step == 1
    assert clock.now < 6


def test_one_batch_waits_for_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    commands = [(0.0, Control("pause")), *((t, Control("step")) for t in (1.0, 2.0, 3.0))]
    events = train(endless(pace=0.01), Patient(clock, *commands, (4.0, Control("stop"))))
    assert of(list(events), Ended)[0].step == 3


def test_it_is_saved_at_powers_of_two_and_where_it_is_turned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "_SAVING_SECONDS", math.inf)
    desk = Desk()
    events = train(endless(checkpoint__along=6), desk)
    taken = run_until(events, at_step(20))
    desk.send("set", tau=0.5)
    taken += run_until(events, at_step(40))
    saved = {snapshot.step: snapshot for snapshot in of(taken, Snapshot)}
    assert sorted(saved) == [2, 4, 8, 16, 20, 32]
    assert saved[16].extra["settings"]["tau"] == 0.05
    assert saved[20].extra["settings"]["tau"] == 0.5  # as the mark of that step says


def test_saving_on_top_of_the_cadence_takes_a_small_share(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)

    def slow(*arguments: object) -> Snapshot:
        clock.now += 1.0
        return Snapshot(arguments[0].step, {}, {}, "cadence")  # type: ignore[attr-defined]

    monkeypatch.setattr(loop, "capture", slow)
    events = train(endless(checkpoint__along=6), Patient(clock))
    taken = run_until(events, at_step(70))
    assert [snapshot.step for snapshot in of(taken, Snapshot)] == [2]


def test_layers_are_measured_as_long_as_the_loss_runs_away() -> None:
    config = small(
        direction__solver="explicit",
        optimizer__lr=4.0,
        model__activation="elu",
        instruments__tier="cheap",
        instruments__every=1000,
        budget__epochs=5.0,
    )
    events = run(config)
    (ended,) = of(events, Ended)
    assert ended.outcome == "diverged"
    loss = [math.nan, *losses(events)]
    highest = [
        n for n in range(1, ended.step) if loss[n] > 3 * loss[1] and loss[n] == max(loss[1 : n + 1])
    ]
    assert highest
    # The step after each new height is measured, among them the one that diverged.
    early = {step for step in (1, 2, 4, 8, 16) if step <= ended.step}
    assert {p.step for p in points(events, "layers")} == early | {n + 1 for n in highest}
