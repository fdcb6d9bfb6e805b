"""Drives a training loop as a worker would: reads its events, sends controls between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from proxprop.data.dataset import Dataset, Split, Transform, load
from proxprop.engine.training import train
from proxprop.spec.config import RunConfig
from proxprop.spec.controls import Control
from proxprop.spec.events import Event, Point, Snapshot

SMALL: dict[str, Any] = {
    "data.samples": 200,
    "data.validation": 0.2,
    "model.widths": (16, 8),
    "batch_size": 24,
    "device": "cpu",
    "instruments.tier": "off",
    "budget.epochs": 2.0,
    "checkpoint.seconds": 86_400,
    "checkpoint.along": 0,
}


def small(**changes: Any) -> RunConfig:
    """Return a run on 200 digits that takes milliseconds; `a__b` names the field a.b."""
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return RunConfig().replace(**{**SMALL, **dotted})


class Desk:
    """Controls that a test sends itself."""

    def __init__(self) -> None:
        self.sent: list[Control] = []
        self.while_paused: list[Control] = []

    def send(self, action: Any, **values: Any) -> None:
        self.sent.append(Control(action, values))

    def poll(self) -> list[Control]:
        sent, self.sent = self.sent, []
        return sent

    def wait(self, seconds: float) -> list[Control]:
        if sent := self.poll():
            return sent
        assert self.while_paused, "the loop waits and nobody will ever wake it"
        return [self.while_paused.pop(0)]


def run(config: RunConfig, desk: Desk | None = None, **options: Any) -> list[Event]:
    return list(train(config, desk or Desk(), **options))


def run_until(
    events: Iterator[Event], found: Callable[[Event], bool], limit: int = 10_000
) -> list[Event]:
    """Take events up to and including the first that `found` accepts."""
    taken = []
    for event in itertools.islice(events, limit):
        taken.append(event)
        if found(event):
            return taken
    raise AssertionError(f"not among {len(taken)} events: {[type(e).__name__ for e in taken]}")


def at_step(step: int) -> Callable[[Event], bool]:
    return lambda e: isinstance(e, Point) and e.table == "steps" and e.step == step


def of(events: Iterable[Event], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def points(events: Iterable[Event], table: str = "steps") -> list[Point]:
    return [event for event in of(events, Point) if event.table == table]


def losses(events: Iterable[Event]) -> list[float]:
    return [point.values["loss"] for point in points(events)]


def weights(events: Iterable[Event]) -> dict[str, torch.Tensor]:
    """Return the weights in the last snapshot."""
    last: Snapshot = of(events, Snapshot)[-1]
    return {k: v for k, v in last.tensors.items() if k.startswith("model/")}


def data_of(config: RunConfig, device: str = "cpu") -> Dataset:
    return load(config.data, device=device)


def made_up(inputs: torch.Tensor, targets: torch.Tensor, classes: int) -> Dataset:
    """Return a data set of points whose three splits are the same samples."""
    split = Split(inputs, targets)
    names = tuple(map(str, range(classes)))
    return Dataset(split, split, split, names, tuple(inputs.shape[1:]), Transform(1.0))
