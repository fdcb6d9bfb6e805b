"""A race that is cut and resumed gives the numbers of one that was not, bit for bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from proxprop.engine.racing import race, scheduler
from proxprop.engine.training.session import Session, SetEvaluation
from proxprop.runs.checkpoints import read_snapshot, write_snapshot
from proxprop.spec.config import RaceConfig
from proxprop.spec.events import Ended, Event, Mark, Point, Snapshot
from tests.engine.training.driver import Desk, of, run_until

from .driver import CG, EXACT, EXPLICIT, HOPELESS, ends, losses, points, run, small


def cut(config: RaceConfig, steps: int) -> list[Event]:
    """Return the events up to the snapshot asked for after so many steps in all."""
    desk, taken = Desk(), 0

    def far(event: Event) -> bool:
        nonlocal taken
        taken += isinstance(event, Point) and event.table == "steps"
        return taken >= steps

    events = race(config, desk)
    before = run_until(events, far)
    desk.send("checkpoint")
    before += run_until(events, lambda event: isinstance(event, Snapshot))
    events.close()
    return before


def kept(events: list[Event], snapshot: Snapshot) -> list[Event]:
    """Return what a store keeps of the events before a snapshot."""
    steps = {int(member): step for member, step in snapshot.extra["member_steps"].items()}
    return [
        event for event in events if isinstance(event, Point) and event.step <= steps[event.member]
    ]


def through_a_file(snapshot: Snapshot, folder: Path) -> Snapshot:
    json.dumps(snapshot.extra, allow_nan=False)
    write_snapshot(folder / "race.safetensors", snapshot)
    return read_snapshot(folder / "race.safetensors")


@pytest.mark.parametrize("steps", [1, 17, 40, 75])
def test_a_resumed_race_equals_an_uninterrupted_one(steps: int, tmp_path: Path) -> None:
    config = small(EXPLICIT, EXACT, HOPELESS, CG, seeds=2)
    straight = run(config)
    before = cut(config, steps)
    snapshot = through_a_file(before[-1], tmp_path)
    after = run(config, snapshot=snapshot)
    joined = kept(before, snapshot) + after
    for member in range(8):
        # Repeated reprs: a diverged member's losses may be NaN.
        assert repr(losses(joined, member)) == repr(losses(straight, member)), member
        seen = [(p.step, p.values) for p in points(joined, member, "evaluations")]
        expected = [(p.step, p.values) for p in points(straight, member, "evaluations")]
        assert repr(seen) == repr(expected), member
    results = {m: (end.outcome, end.step, end.summary) for m, end in sorted(ends(after).items())}
    expected = {
        m: (end.outcome, end.step, end.summary) for m, end in sorted(ends(straight).items())
    }
    assert repr(results) == repr(expected)


def test_a_snapshot_tells_every_members_step_and_the_sum() -> None:
    before = cut(small(EXPLICIT, EXACT, seeds=2), 20)
    snapshot = before[-1]
    done = [len(losses(before, member)) for member in range(4)]
    assert snapshot.extra["member_steps"] == {
        str(member): count or -1 for member, count in enumerate(done)
    }
    assert snapshot.step == sum(done) >= 20
    assert done[2:] == [0, 0]


def test_snapshots_come_at_the_cadence_and_cover_everything_told_so_far() -> None:
    events = run(small(checkpoint__seconds=1e-6, budget__epochs=20.0))
    cadence = [e for e in events if isinstance(e, Snapshot)]
    assert cadence
    assert {snapshot.reason for snapshot in cadence} == {"cadence"}
    for snapshot in cadence:
        told = events[: events.index(snapshot)]
        steps = {member: len(losses(told, member)) for member in (0, 1)}
        assert snapshot.extra["member_steps"] == {str(m): step for m, step in steps.items()}


def test_an_evaluation_on_the_way_to_a_snapshot_does_not_put_off_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Saving may take a twentieth of the time; what is evaluated first is no part of it."""
    clock = 0.0
    evaluation = Session.evaluation

    def slow(session: Session, split: str) -> SetEvaluation:
        nonlocal clock
        clock += 100.0
        return evaluation(session, split)

    monkeypatch.setattr(Session, "evaluation", slow)
    monkeypatch.setattr(scheduler, "time", SimpleNamespace(monotonic=lambda: clock))
    saved = 0
    for event in race(small(checkpoint__seconds=250.0, budget__epochs=20.0), Desk()):
        clock += 1.0
        saved += isinstance(event, Snapshot)
    assert saved > 6  # in 8,000 seconds of evaluations


def test_members_that_were_under_way_say_where_they_went_on() -> None:
    before = cut(small(EXPLICIT, EXACT), 20)
    steps = before[-1].extra["member_steps"]
    after = run(small(EXPLICIT, EXACT), snapshot=before[-1])
    marks = {mark.member: (mark.kind, mark.step) for mark in of(after, Mark)}
    under_way = [int(member) for member in before[-1].extra["lanes"]]
    assert marks == {member: ("resumed", steps[str(member)]) for member in under_way}


def test_a_stopped_race_goes_on() -> None:
    config = small(EXPLICIT, EXACT, seeds=2, budget__epochs=6.0)
    desk = Desk()
    events = race(config, desk)
    before = run_until(events, lambda e: isinstance(e, Point) and e.step == 30)
    desk.send("stop")
    before += list(events)
    assert before[-1].outcome == "stopped"
    assert isinstance(before[-2], Snapshot)
    after = run(config, snapshot=before[-2])
    straight = run(config)
    joined = kept(before, before[-2]) + after
    for member in range(4):
        assert losses(joined, member) == losses(straight, member)
    assert after[-1].outcome == "finished"


def test_a_contender_that_has_finished_has_nothing_left_to_do() -> None:
    config = small(EXPLICIT, EXACT)
    desk = Desk()
    events = race(config, desk)
    before = run_until(events, lambda e: isinstance(e, Ended))
    first = before[-1].member  # whichever is faster here: the other is still under way
    desk.send("stop")
    rest = list(events)
    snapshot = of(rest, Snapshot)[-1]
    after = run(config, snapshot=snapshot)
    assert points(after, first) == []
    assert ends(after)[first] == ends(before)[first]


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"race_format": 99}, "race format 99"), ({"member_steps": {"0": 1}}, "race of 1 members")],
)
def test_a_snapshot_of_something_else_is_refused(changes: dict, words: str) -> None:
    snapshot = cut(small(), 5)[-1]
    with pytest.raises(ValueError, match=words):
        run(small(), snapshot=replace(snapshot, extra={**snapshot.extra, **changes}))
