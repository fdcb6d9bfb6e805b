"""The training clock, on a clock that the test moves itself."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import pytest
import torch

from proxprop.analysis.recorder import LayerRecorder
from proxprop.engine.training import train
from proxprop.engine.training.pictures import Pictures
from proxprop.engine.training.session import SetEvaluation
from proxprop.engine.training.stopwatch import CudaStopwatch
from proxprop.spec.controls import Control
from proxprop.spec.events import Artifact

from .driver import Desk, losses, of, points, run, small

LONG = 1000.0


class Clock:
    """Each look at it takes a thousandth of a second; `spend` lets more pass."""

    def __init__(self):
        self.now = 0.0
        self.tick = 1e-3

    def __call__(self):
        self.now += self.tick
        return self.now

    def spend(self, monkeypatch, owner, name):
        original = getattr(owner, name)

        def slow(*args, **kwargs):
            self.now += LONG
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, slow)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in ("stopwatch", "session", "pictures"):
        fake = SimpleNamespace(perf_counter=clock)
        monkeypatch.setattr(f"proxprop.engine.training.{module}.time", fake)
    return clock


@pytest.mark.parametrize("optimizer", ["nesterov", "lbfgs"])
def test_only_training_is_on_the_clock(optimizer, clock, monkeypatch):
    clock.spend(monkeypatch, SetEvaluation, "advance")
    clock.spend(monkeypatch, LayerRecorder, "measure_directions")
    clock.spend(monkeypatch, LayerRecorder, "measure_updates")
    clock.spend(monkeypatch, Pictures, "latest")
    desk = Desk()
    desk.send("pause")
    desk.while_paused = [Control("resume")]
    clock.spend(monkeypatch, Desk, "wait")
    config = small(
        optimizer__name=optimizer, instruments__tier="cheap", instruments__every=3,
        direction__solver="explicit", optimizer__lr=0.05,
    )  # fmt: skip
    events = run(config, desk)
    assert clock.now > 20 * LONG
    assert 0 < events[-1].seconds < 1.0


def test_pictures_come_at_most_twice_a_second(clock):
    clock.tick = 0.02
    shown = {"predictions": [], "confusion": []}
    for event in train(small(budget__epochs=6.0, evaluation__every=0.5), Desk()):
        if isinstance(event, Artifact) and event.name in shown:
            shown[event.name].append(clock.now)
    assert clock.now > 2
    for times in shown.values():
        *live, final = times
        assert len(live) > 2
        assert all(later - earlier >= 0.5 for earlier, later in itertools.pairwise(live))
        assert final == pytest.approx(clock.now, abs=0.2)


class Event:
    """Stands for an accelerator's event: a moment of the fake clock."""

    clock = None

    def __init__(self, device, enable_timing):
        assert (device, enable_timing) == ("cuda", True)

    def record(self):
        self.at = Event.clock()

    def synchronize(self):
        pass

    def elapsed_time(self, later):
        return (later.at - self.at) * 1e3


@pytest.fixture
def deferred(clock, monkeypatch):
    """The accelerator's stopwatch on a CPU: numbers arrive in blocks of 32 steps."""
    monkeypatch.setattr(Event, "clock", clock)
    fake = SimpleNamespace(Event=Event, stack=torch.stack)
    monkeypatch.setattr("proxprop.engine.training.stopwatch.torch", fake)
    monkeypatch.setattr(
        "proxprop.engine.training.session.stopwatch_for", lambda device: CudaStopwatch()
    )


def test_numbers_read_in_blocks_are_the_same_and_in_order(deferred):
    config = small(budget__epochs=20.0, evaluation__every=7.0, instruments__tier="cheap")
    events = run(config)
    assert [p.step for p in points(events)] == list(range(1, 121))
    steps = [p.step for p in of(events, type(points(events)[0]))]
    assert steps == sorted(steps)
    times = [p.seconds for p in points(events)]
    assert times == sorted(times)
    assert times[-1] == events[-1].seconds == pytest.approx(120 * 3e-3)
    assert all(math.isnan(p.values["seconds_solve"]) for p in points(events))


def test_blocks_change_no_loss(deferred, monkeypatch):
    in_blocks = losses(run(small(budget__epochs=7.0)))
    monkeypatch.undo()
    assert in_blocks == losses(run(small(budget__epochs=7.0)))


def test_a_divergence_within_a_block_ends_the_run_where_it_happened(deferred, monkeypatch):
    config = small(
        direction__solver="explicit", optimizer__lr=1e6, budget__epochs=10.0,
        evaluation__every=100.0,
    )  # fmt: skip
    events = run(config)
    ended = events[-1]
    assert ended.outcome == "diverged"
    assert points(events)[-1].step == ended.step < 10
    assert points(events)[-1].seconds == ended.seconds
    monkeypatch.undo()
    assert run(config)[-1].words == ended.words
