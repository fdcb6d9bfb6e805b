"""How the paper's experiments show in the terminal: a run's own bar, and one for everything."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console

from proxprop.cli.execution import ProgressBar
from proxprop.cli.race_result import RaceBar
from proxprop.cli.sweep_result import SweepBar


class Overall:
    """How much of everything is done, in estimated seconds, and how long the rest will take.

    Args:
        weights: Estimated seconds of each job, in order.
    """

    def __init__(self, weights: list[float]) -> None:
        self._weights = weights
        self._done = self._skipped = 0.0
        self._began: float | None = None
        self._number = 0

    def begin(self, fraction: float) -> None:
        """Go on to the next job, of which a fraction is done already."""
        self._number += 1
        self._skipped += fraction * self._weights[self._number - 1]
        self._began = self._began or time.monotonic()

    def end(self) -> None:
        """Note that the job is done."""
        self._done += self._weights[self._number - 1]

    def skip(self) -> None:
        """Pass over a job that was done before."""
        self.begin(1.0)
        self.end()

    def fraction(self, current: float) -> float:
        """Return the fraction done, with that fraction of the current job."""
        weight = self._weights[self._number - 1] if self._number else 0.0
        return (self._done + current * weight) / sum(self._weights)

    def words(self, current: float) -> str:
        """Return which job it is and how long all the rest takes, at the pace so far."""
        total = sum(self._weights)
        done = self.fraction(current) * total
        here = done - self._skipped
        elapsed = time.monotonic() - (self._began or time.monotonic())
        # Until there is a pace, the estimates are all there is.
        pace = elapsed / here if here > 0.02 * total else 1.0
        return f"{self._number} of {len(self._weights)}, {duration((total - done) * pace)} left"


class _WithOverall(ProgressBar):
    """A bar with a second line for everything.

    Args:
        console: Where to draw.
        config: What is carried out.
        run_id: Shown once.
        overall: Where everything stands.
        title: Of the job.
        share: Part of the config's budget that is asked for.
    """

    def __init__(
        self,
        console: Console,
        config: Any,
        run_id: str,
        overall: Overall,
        title: str,
        share: float,
    ) -> None:
        super().__init__(console, config, run_id)
        self._overall = overall
        self._share = share
        self._bar.update(self._task, description=f"{title} ({run_id})")
        words = overall.words(0.0)
        self._all = self._bar.add_task("everything", total=1.0, numbers=words, tells=True)

    def _draw(self) -> None:
        super()._draw()
        current = min(1.0, (self._budget.fraction() or 0.0) / self._share)
        words = self._overall.words(current)
        self._bar.update(self._all, completed=self._overall.fraction(current), numbers=words)


class PaperRaceBar(_WithOverall, RaceBar):
    """A race's line, and that of everything."""


class PaperSweepBar(_WithOverall, SweepBar):
    """The sweep's line, and that of everything."""


def duration(seconds: float) -> str:
    """Return seconds in words: "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
