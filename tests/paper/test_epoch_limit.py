"""A race of which only some epochs are asked for: what is sent to it, and when."""

from __future__ import annotations

from pathlib import Path

from proxprop.paper.jobs import Advance, EpochLimit
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.store import Store
from proxprop.spec.events import Ended, Event, Point, State


def evaluated(member: int, epoch: float) -> Point:
    return Point("evaluations", 0, epoch, 0.0, {}, member)


def sent(limit: EpochLimit, mailbox: Mailbox, event: Event) -> list[str]:
    limit(event, mailbox)
    return [control.action for control in mailbox.poll()]


def test_it_waits_for_the_slowest_then_lets_the_epoch_end(tmp_path: Path) -> None:
    mailbox = Mailbox(Store(tmp_path / "store.db"), "x")
    limit = EpochLimit((), 2, 3)
    events = [evaluated(member, epoch) for epoch in (0.0, 1.0) for member in (0, 1)]
    assert [sent(limit, mailbox, event) for event in events] == [[]] * 4
    assert sent(limit, mailbox, evaluated(0, 2.0)) == []
    assert sent(limit, mailbox, evaluated(1, 2.0)) == ["epoch"]
    assert sent(limit, mailbox, evaluated(0, 3.0)) == []
    assert sent(limit, mailbox, State("paused", 9)) == ["stop"]
    assert sent(limit, mailbox, State("paused", 9)) == []


def test_a_pause_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    mailbox = Mailbox(Store(tmp_path / "store.db"), "x")
    assert sent(EpochLimit((), 2, 3), mailbox, State("paused", 9)) == []


def test_contenders_that_have_ended_are_not_waited_for(tmp_path: Path) -> None:
    mailbox = Mailbox(Store(tmp_path / "store.db"), "x")
    gone = Ended("diverged", 3, 0.3, 0.0, "diverged", member=1)
    limit = EpochLimit((), 2, 2)
    assert sent(limit, mailbox, evaluated(0, 0.0)) == []
    assert sent(limit, mailbox, evaluated(0, 1.0)) == []
    assert sent(limit, mailbox, gone) == ["epoch"]
    resumed = EpochLimit((Advance(1.0, None), Advance(0.0, gone)), 2, 2)
    assert sent(resumed, mailbox, State("running", 0)) == ["epoch"]


def test_how_far_a_contender_has_come() -> None:
    stopped = Ended("stopped", 3, 1.5, 0.0, "stopped")
    assert Advance(2.0, stopped).through(2)
    assert not Advance(1.0, stopped).through(2)
    assert Advance(0.0, Ended("diverged", 3, 0.3, 0.0, "")).through(2)
