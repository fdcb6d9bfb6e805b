"""How much of its budget a run has spent, from its config and what its loop reports."""

from __future__ import annotations

from proxprop.spec.config import AnyConfig, RaceConfig, RunConfig, SweepConfig
from proxprop.spec.events import Ended, Point, Started


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
        elif isinstance(config, SweepConfig):
            self._members = len(config.cells()) * config.seeds
        self._steps = config.steps if isinstance(config, SweepConfig) else None
        self._before = 0.0  # runs of a sweep that ended before it was resumed
        self._total: dict[int, int | None] = {}
        self._done: dict[int, float] = {}
        self._races = isinstance(config, RaceConfig)
        self._reached: dict[int, tuple[int, float, float]] = {}
        self._through: set[int] = set()

    def started(self, event: Started) -> None:
        """Note how many steps a member's budget allows."""
        self._total[event.member] = event.total_steps
        if self._steps is not None:
            self._before = event.step / self._steps

    def reached(self, point: Point) -> None:
        """Note how far a member is."""
        if point.member in self._through:
            return  # its last points may be written down after its end
        total = self._total.get(point.member, self._steps)
        shares = [point.step / total] if total else []
        if self._steps is not None and point.table == "evaluations":
            shares = [1.0]  # a sweep measures whole sets when a run ends, wherever it diverged
        if self._seconds:
            shares.append(point.seconds / self._seconds)
        if shares:
            self._done[point.member] = min(max(shares), 1.0)
        if self._races:
            self._reached[point.member] = point.step, point.epoch, point.seconds

    def ended(self, event: Ended) -> None:
        """Note that a member is through: one that diverged has nothing left to do either."""
        if self._races and event.outcome != "stopped":
            self._through.add(event.member)
            self._done[event.member] = 1.0
            self._reached[event.member] = event.step, event.epoch, event.seconds

    def totals(self) -> tuple[int, float, float] | None:
        """Return steps and seconds summed over a race's members, and their largest epoch.

        None for anything but a race: the latest point says it all.
        """
        if not self._reached:
            return None
        steps, epochs, seconds = zip(*self._reached.values())
        return sum(steps), max(epochs), sum(seconds)

    def fraction(self) -> float | None:
        """Return the fraction done, 0…1; None where the config does not tell."""
        if not self._done:
            return None
        return (self._before + sum(self._done.values())) / max(self._members, len(self._done))
