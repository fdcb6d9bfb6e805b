"""How much of its budget a run has spent, from its config and what its loop reports."""

from __future__ import annotations

from proxprop.config import AnyConfig, RaceConfig, RunConfig, SweepConfig
from proxprop.events import Point, Started


class Progress:
    """Fraction done: per member the larger of steps and seconds spent, averaged over members.

    Args:
        config: What is carried out.
    """

    def __init__(self, config: AnyConfig) -> None:
        self._seconds: float | None = None
        self._members = 1
        if isinstance(config, RunConfig):
            self._seconds = config.budget.seconds
        elif isinstance(config, RaceConfig):
            self._seconds = config.budget.seconds
            self._members = len(config.contenders) * config.seeds
        self._steps = config.steps if isinstance(config, SweepConfig) else None
        self._total: dict[int, int | None] = {}
        self._done: dict[int, float] = {}

    def started(self, event: Started) -> None:
        """Note how many steps a member's budget allows."""
        self._total[event.member] = event.total_steps

    def reached(self, point: Point) -> None:
        """Note how far a member is."""
        total = self._total.get(point.member, self._steps)
        shares = [point.step / total] if total else []
        if self._seconds:
            shares.append(point.seconds / self._seconds)
        if shares:
            self._done[point.member] = min(max(shares), 1.0)

    def fraction(self) -> float | None:
        """Return the fraction done, 0…1; None where the config does not tell."""
        if not self._done:
            return None
        if self._steps is not None:  # a sweep's members advance together
            return max(self._done.values())
        return sum(self._done.values()) / max(self._members, len(self._done))
