"""Runs that this process leads, and what is compared of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxprop.engine.loops import LOOPS
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Event
from tests.engine.training.driver import Desk, losses, points, small, weights

PLAIN = {"direction__solver": "explicit", "optimizer__lr": 0.1}
CASES = {
    "explicit": PLAIN,
    "exact": {},
    "cg": {"direction__solver": "cg", "direction__cg_steps": 2},
    "running, refresh 1": {"direction__gram": "running", "direction__refresh": 1},
    "running, refresh 5": {"direction__gram": "running", "direction__refresh": 5},
}


def short(**changes: Any) -> RunConfig:
    """Return 20 steps in float64; an epoch's twelfth and last batch has one sample."""
    steps = {"budget__epochs": None, "budget__steps": 20, "batch_size": 13}
    return small(**{"precision": "float64", **steps, **changes})


def run(config: RunConfig, desk: Desk | None = None, **options: Any) -> list[Event]:
    return list(LOOPS["run"](config, desk or Desk(), **options))


def difference(events: list[Event], expected: list[Event]) -> float:
    """Return how far the last weights are apart, relative to their length; the largest."""
    one, other = weights(events), weights(expected)
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).norm() / other[name].norm()) for name in other)


def measured(events: list[Event]) -> list[dict[str, float]]:
    return [point.values for point in points(events, "evaluations")]


def assert_same(processes: int, **changes: Any) -> None:
    """Compare a run over so many processes with the same run in one."""
    config = short(**changes)
    alone, together = run(config), run(config.replace(devices=processes))
    assert difference(together, alone) < 1e-10
    assert losses(together) == pytest.approx(losses(alone), rel=1e-10)
    for one, other in zip(measured(together), measured(alone), strict=True):
        assert one == pytest.approx(other, rel=1e-10)
    assert together[-1].summary == pytest.approx(alone[-1].summary, rel=1e-10)


def children(pid: int | str = "self") -> list[int]:
    """Return the processes that a process has started and that live."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def is_follower(pid: int) -> bool:
    try:
        return b"proxprop.train" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def followers(pid: int | str = "self") -> list[int]:
    return [child for child in children(pid) if is_follower(child)]
