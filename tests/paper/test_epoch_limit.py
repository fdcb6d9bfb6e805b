"""A race of which only some epochs are asked for: what is sent to it, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxprop.paper.jobs import Advance, EpochLimit
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.store import Store
from proxprop.spec.controls import Control
from proxprop.spec.events import Ended, Event, Point, State

RUNNING, PAUSED = State("running", 0), State("paused", 9)
STOP = Control("stop")


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    return Mailbox(Store(tmp_path / "store.db"), "x")


def evaluated(member: int, epoch: float) -> Point:
    return Point("evaluations", 0, epoch, 0.0, {}, member)


def sent(limit: EpochLimit, mailbox: Mailbox, *events: Event) -> list[Control]:
    for event in events:
        limit(event, mailbox)
    return mailbox.poll()


def test_it_says_where_to_hold_and_stops_once_all_do(mailbox: Mailbox) -> None:
    limit = EpochLimit((), 2, 3)
    assert sent(limit, mailbox, RUNNING) == [Control("epoch", {"until": 3})]
    points = [evaluated(member, epoch) for epoch in (0.0, 1.0, 2.0, 3.0) for member in (0, 1)]
    assert sent(limit, mailbox, *points) == []
    assert sent(limit, mailbox, PAUSED) == [STOP]
    assert sent(limit, mailbox, PAUSED, RUNNING) == []


def test_after_a_pause_of_somebody_else_it_says_so_again(mailbox: Mailbox) -> None:
    limit = EpochLimit((), 2, 3)
    assert len(sent(limit, mailbox, RUNNING, evaluated(0, 3.0), evaluated(1, 2.0))) == 1
    assert sent(limit, mailbox, PAUSED) == []
    assert sent(limit, mailbox, RUNNING) == [Control("epoch", {"until": 3})]


def test_contenders_that_have_ended_are_not_waited_for(mailbox: Mailbox) -> None:
    gone = Ended("diverged", 3, 0.3, 0.0, "diverged", member=1)
    assert sent(EpochLimit((), 2, 2), mailbox, evaluated(0, 2.0), gone, PAUSED) == [STOP]
    resumed = EpochLimit((Advance(2.0, None), Advance(0.0, gone)), 2, 2)
    assert sent(resumed, mailbox, PAUSED) == [STOP]


def test_how_far_a_contender_has_come() -> None:
    stopped = Ended("stopped", 3, 1.5, 0.0, "stopped")
    assert Advance(2.0, stopped).through(2)
    assert not Advance(1.0, stopped).through(2)
    assert Advance(0.0, Ended("diverged", 3, 0.3, 0.0, "")).through(2)
