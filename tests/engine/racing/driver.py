"""Small races, and a person's commands to them."""

from __future__ import annotations

from typing import Any

from proxprop.engine.racing import race
from proxprop.spec.config import RaceConfig
from proxprop.spec.events import Ended, Event, Point
from tests.engine.training.driver import Desk, of

EXPLICIT = {"direction": {"solver": "explicit"}, "optimizer": {"lr": 0.05}}
EXACT = {"direction": {"solver": "exact", "tau": 0.05}, "optimizer": {"lr": 1.0}}
CG = {"direction": {"solver": "cg", "cg_steps": 2}, "optimizer": {"name": "adam", "lr": 0.01}}
HOPELESS = {"direction": {"solver": "explicit"}, "optimizer": {"name": "sgd", "lr": 1e6}}


def small(*contenders: dict[str, Any], **changes: Any) -> RaceConfig:
    """Return a race on 200 digits that takes milliseconds; `a__b` names the field a.b."""
    config = RaceConfig.parse(
        {
            "data": {"samples": 200, "validation": 0.2},
            "model": {"widths": (16, 8)},
            "batch_size": 24,
            "device": "cpu",
            "budget": {"epochs": 3.0},
            "checkpoint": {"seconds": 86_400},
            "contenders": contenders or (EXPLICIT, EXACT),
        }
    )
    return config.replace(**{name.replace("__", "."): value for name, value in changes.items()})


def run(config: RaceConfig, desk: Desk | None = None, **options: Any) -> list[Event]:
    return list(race(config, desk or Desk(), **options))


def points(events: list[Event], member: int, table: str = "steps") -> list[Point]:
    return [p for p in of(events, Point) if p.table == table and p.member == member]


def losses(events: list[Event], member: int) -> list[float]:
    return [point.values["loss"] for point in points(events, member)]


def ends(events: list[Event]) -> dict[int, Ended]:
    return {event.member: event for event in of(events, Ended)}
