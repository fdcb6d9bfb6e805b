"""How much of its budget a run has spent, from its config and what its loop reports."""

from __future__ import annotations

from proxprop.spec.config import AnyConfig
from proxprop.spec.events import WHOLE, Ended, Point, Started


class Progress:
    """Where a run stands: the fraction done, averaged over members, and its clocks.

    Members that a `Started` of their own announces have a clock each, and what they have done adds
    up. The many members of a sweep, which one `Started` announces, share the clock of the whole,
    and the one evaluation each of them has says that it is through.

    Args:
        config: What is carried out.
    """

    def __init__(self, config: AnyConfig) -> None:
        self._budget = config.budget
        self._members = config.members
        self._total: dict[int, int | None] = {}
        self._settled = 0.0  # members of a sweep that were through before it was resumed
        self._done: dict[int, float] = {}
        self._positions: dict[int, tuple[int, float, float]] = {}

    def started(self, event: Started) -> None:
        """Note how many steps a member's budget allows."""
        self._total[event.member] = event.total_steps
        if event.member == WHOLE and event.total_steps:
            self._settled = event.step / event.total_steps

    def reached(self, point: Point) -> None:
        """Note how far a member is."""
        announced = point.member in self._total
        total = self._total.get(point.member, self._total.get(WHOLE))
        share = self._budget.share(point.step, point.seconds, total)
        if point.table == "evaluations" and WHOLE in self._total:
            share = 1.0
        if share is not None:
            self._done[point.member] = max(share, self._done.get(point.member, 0.0))
        self._move(point.member if announced else WHOLE, point)

    def ended(self, event: Ended) -> None:
        """Note that a member of several is through: one that diverged has nothing left either."""
        if event.member != WHOLE and self._members > 1 and event.outcome != "stopped":
            self._done[event.member] = 1.0
            self._move(event.member, event)

    def position(self) -> tuple[int, float, float] | None:
        """Return steps and seconds summed over clocks, and the largest epoch; None at the start."""
        if not self._positions:
            return None
        steps, epochs, seconds = zip(*self._positions.values())
        return sum(steps), max(epochs), sum(seconds)

    def fraction(self) -> float | None:
        """Return the fraction done, 0…1; None where the config does not tell."""
        if not self._done:
            return None
        return (self._settled + sum(self._done.values())) / max(self._members, len(self._done))

    def _move(self, clock: int, to: Point | Ended) -> None:
        step, epoch, seconds = self._positions.get(clock, (0, 0.0, 0.0))
        latest = max(step, to.step), max(epoch, to.epoch), max(seconds, to.seconds)
        self._positions[clock] = latest
