"""Drives sweeps as a worker would, and the same runs one by one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proxprop.engine.sweeping import sweep
from proxprop.engine.training import train
from proxprop.spec.config import SweepConfig
from proxprop.spec.events import Artifact, Ended, Event, Point
from tests.engine.training.driver import Desk, of

SMALL: dict[str, Any] = {
    "data": {"samples": 200, "validation": 0.2},
    "model": {"widths": (16, 70)},
    "batch_size": 24,
    "device": "cpu",
    "steps": 20,
    "seeds": 2,
}


def grid(low: float, high: float, count: int = 3) -> dict[str, float]:
    return {"low": low, "high": high, "count": count}


def small(*methods: dict[str, Any], **changes: Any) -> SweepConfig:
    """Return a sweep on 200 digits; 24 rows meet 17 and 71 columns: both routes of a solve."""
    chosen = methods or (
        {"direction": {"solver": "explicit"}, "optimizer": {"name": "sgd"}, "lr": grid(0.01, 1e3)},
        {"optimizer": {"name": "sgd", "explicit_lr": 0.1}, "tau": grid(1e-3, 1.0)},
    )
    return SweepConfig.parse({**SMALL, "methods": chosen, **changes})


def run(config: SweepConfig, desk: Desk | None = None, **options: Any) -> list[Event]:
    return list(sweep(config, desk or Desk(), **options))


def last_map(events: Iterable[Event]) -> dict[str, Any]:
    maps = [event for event in of(events, Artifact) if event.name == "map"]
    return maps[-1].payload


def curves(events: Iterable[Event]) -> dict[int, list[tuple[int, float]]]:
    """Return member → (step, loss) of its curve."""
    found: dict[int, list[tuple[int, float]]] = {}
    for point in of(events, Point):
        if point.table == "steps":
            found.setdefault(point.member, []).append((point.step, point.values["loss"]))
    return found


def final_values(events: Iterable[Event]) -> dict[int, dict[str, float]]:
    """Return member → whole-set losses and accuracies at its end."""
    return {p.member: p.values for p in of(events, Point) if p.table == "evaluations"}


def alone(config: SweepConfig, member: int) -> tuple[list[tuple[int, float]], Ended]:
    """Train one member by itself; return its mini-batch losses and its end."""
    quiet = {"instruments.tier": "off", "evaluation.every": 1e4}
    events = list(train(config.run(member).replace(**quiet), Desk()))
    steps = [(p.step, p.values["loss"]) for p in of(events, Point) if p.table == "steps"]
    return steps, of(events, Ended)[-1]


def members(config: SweepConfig) -> range:
    return range(len(config.cells()) * config.seeds)
