"""Loops that end in every way a loop can, standing in for training."""

from collections.abc import Iterator
from typing import Any

import torch

from proxprop.data.errors import DataError
from proxprop.spec.events import WHOLE, Ended, Event, Notice, Point, Snapshot, Started, State


def started(step: int = 0, member: int = 0) -> Started:
    return Started(step, 10, 100, 5, ("a",), ("a",), 50, "cpu", member=member)


def finishes(
    config: Any, controls: Any, *, snapshot: Any = None, progress: Any = None
) -> Iterator[Event]:
    """100 steps from the snapshot on, a checkpoint every tenth, whose weight counts the steps."""
    first = snapshot.step if snapshot else 0
    weight = snapshot.tensors["model/w"] if snapshot else torch.zeros(3)
    if progress:
        progress("fetching", 0.5)
    yield started(first)
    yield State("running", first)
    for step in range(first + 1, 101):
        weight = weight + 1
        yield Point("steps", step, step / 10, step / 100, {"loss": 1 / step})
        if step % 10 == 0:
            yield Snapshot(step, {"model/w": weight.clone()}, {"note": "x"}, "cadence")
        if any(control.action == "stop" for control in controls.poll()):
            yield Snapshot(step, {"model/w": weight.clone()}, {}, "ended")
            yield Ended("stopped", step, step / 10, step / 100, f"stopped at step {step}")
            return
    yield Snapshot(100, {"model/w": weight.clone(), "optimizer/m": weight}, {}, "ended")
    yield Ended("finished", 100, 10.0, 1.0, "done", {"loss": 0.01})


def raises(config: Any, controls: Any, **_: Any) -> Iterator[Event]:
    yield started()
    yield Point("steps", 1, 0.1, 0.1, {"loss": 1.0})
    raise ZeroDivisionError("the third wheel")


def has_bad_data(config: Any, controls: Any, **_: Any) -> Iterator[Event]:
    yield Notice("info", "looking")
    raise DataError("Image cat/1.png cannot be read; remove it.")


def says_nothing(config: Any, controls: Any, **_: Any) -> Iterator[Event]:
    yield started()


def races(config: Any, controls: Any, **_: Any) -> Iterator[Event]:
    for member in range(3):
        yield started(member=member)
        yield Point("steps", 1, 0.1, 0.1, {"loss": 1.0}, member)
    for member, outcome in enumerate(("finished", "diverged", "finished")):
        yield Ended(outcome, 1, 0.1, 0.1, "ok", {"loss": 1.0}, member)  # type: ignore[arg-type]
    yield Ended("finished", 3, 0.1, 0.3, "the first one wins", {"diverged": 1.0}, WHOLE)
