"""What the terminal shows of a run, a race, a sweep and of several runs, fed by their events."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from proxprop.cli.following import Display, Everything, bars
from proxprop.spec.config import AnyConfig, RunConfig
from proxprop.spec.events import Artifact, Ended, Event, Notice, Point
from proxprop.spec.racing import default_race
from proxprop.spec.sweeping import default_sweep


def shown(config: AnyConfig, events: Sequence[Event]) -> str:
    console = Console(file=io.StringIO(), width=150)
    with bars(console) as lines:
        display = Display(lines, config, "run abc")
        for event in events:
            display.take(event)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def step(loss: float, member: int = 0) -> Point:
    return Point("steps", 1, 0.5, 0.1, {"loss": loss}, member)


END = Ended("finished", 1, 0.5, 0.1, "done", {}, -1)


def test_a_run_shows_its_latest_numbers() -> None:
    evaluated = Point("evaluations", 2, 1.0, 0.2, {"validation_accuracy": 0.75})
    text = shown(RunConfig(), [step(2.0), step(1.5), evaluated, END])
    assert "run abc" in text
    assert "epoch 1.0  loss 1.5  accuracy 75.0%" in text
    assert "accuracy" not in shown(RunConfig(), [step(2.0), END])


def test_a_race_shows_everybodys_latest_loss_and_the_seed_under_way() -> None:
    config = default_race().replace(seeds=2)
    first = [step(3.0, 0), step(2.0, 1), step(1.0, 2)]
    assert "seed 1 of 2  losses 3  2  1 " in shown(config, [*first, END])
    assert "seed 2 of 2  losses 3  0.5  1 " in shown(config, [*first, step(0.5, 4), END])
    assert "losses 3 " in shown(default_race(), [step(3.0), END])
    assert "loading …" in shown(config, [END])


def test_a_sweep_shows_how_its_runs_ended() -> None:
    outcomes = [["finished", "diverged"], ["collapsed", None]]
    payload = {"runs": 8, "finished": 3, "methods": [{"outcomes": outcomes}]}
    events = [Artifact("map", 3, payload), END]
    assert "3 of 8 runs  1 diverged  1 collapsed" in shown(default_sweep(), events)


def test_notices_stand_above_or_in_the_line() -> None:
    events = [Notice("warning", "careful"), Notice("info", "decoding images", 0.5)]
    text = shown(RunConfig(), events)
    assert "careful\n" in text
    assert "decoding images 50%" in text


def test_several_runs_have_a_line_for_all_of_them() -> None:
    whole = Everything([30.0, 90.0, 60.0])
    console = Console(file=io.StringIO(), width=150)
    with bars(console) as lines:
        whole.show(lines)
        whole.begin(0, 1.0)
        config = RunConfig().replace(**{"budget.epochs": None, "budget.seconds": 1.0})
        display = Display(lines, config, "run abc", whole.begin(1, 0.0, share=0.5))
        half = Point("steps", 1, 0.5, 0.25, {"loss": 1.0})  # of the half that is asked for
        display.take(half)
        assert whole.fraction == pytest.approx((30 + 45) / 180)
        beside = whole.begin(2, 0.0)
        beside.reach(0.5)
        assert whole.fraction == pytest.approx((30 + 45 + 30) / 180)
        whole.reach(1, 1.0)
        beside.reach(1.0)
    assert isinstance(console.file, io.StringIO)
    assert "everything" in console.file.getvalue()
    assert "3 of 3, " in console.file.getvalue()
    assert whole.fraction == 1.0
