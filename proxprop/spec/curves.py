"""What is read off measured curves: when a target is reached, and numbers over seeds.

**When a target is reached** has this one definition, for tables, pages, claims and benchmarks:

- Of one curve it is the first time that the *measured* loss is at or below the target (an accuracy:
  at or above), between that measurement and the one before it. The first counts, even if the loss
  rises again. A measurement that is not finite is not there, and nothing is interpolated from it.
- In between, a loss is taken to fall exponentially: straight in the logarithm, which is exact for
  exponential decay, close for what losses do between two evaluations, and what a chart with a
  logarithmic axis draws. The chord, which lies above such a curve, would put every crossing too
  late, and the later the rarer the evaluations: from 1 to 0.01, a loss is at 0.1 halfway, its chord
  after 91 % of the way. Where a loss is measured as 0 or below there is no logarithm, and the chord
  is taken; so it is for accuracies, which may be 0 and which end at 1.
- Of several seeds it is the mean of their own crossings, with its spread, and how many of them got
  there. The crossing of the mean curve would hide those that never do, and has no spread.

`app/web/crossing.js` tells charts the same; `tests/web/test_crossing.py` holds it to this.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Numbers = Sequence[float] | Sequence[float | None] | np.ndarray  # None: it was no number
Measure = Literal["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]
MEASURES: tuple[Measure, ...] = (
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
)

RISING_FACTOR = 3.0  # a loss so many times the first one may be about to diverge


@dataclass(frozen=True)
class Stat:
    """Mean and spread over seeds.

    Attributes:
        mean: Arithmetic mean; NaN where there is nothing to average.
        std: Sample standard deviation (divisor n − 1); NaN for fewer than two.
        n: How many seeds it averages.
    """

    mean: float
    std: float
    n: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Stat:
        """Return the statistics of the values that are numbers."""
        kept = [value for value in values if not math.isnan(value)]
        return cls(
            float(np.mean(kept)) if kept else math.nan,
            float(np.std(kept, ddof=1)) if len(kept) > 1 else math.nan,
            len(kept),
        )

    def over(self, other: Stat) -> float:
        """Return the ratio of the means; NaN where there is none."""
        return self.mean / other.mean if other.mean else math.nan


def band(curves: Sequence[Numbers]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over seeds and the sample standard deviation, evaluation by evaluation.

    Args:
        curves: One a seed; None or NaN where a number is none.

    Returns:
        Two arrays as long as the shortest curve. NaN where a seed has no number; the deviation is
        NaN throughout for a single seed.
    """
    length = min(map(len, curves), default=0)
    stack = np.array([curve[:length] for curve in curves], dtype=float).reshape(len(curves), length)
    if len(curves) < 2:
        return stack.sum(axis=0), np.full(length, math.nan)
    return stack.mean(axis=0), stack.std(axis=0, ddof=1)


def crossing(places: Numbers, values: Numbers, target: float, rising: bool = False) -> float:
    """Return where a measured curve first reaches a target; NaN if it never does.

    Args:
        places: Where it was measured, ascending: epochs, seconds.
        values: What was measured there; None or NaN where it was no number.
        target: A loss to get down to, or an accuracy to get up to.
        rising: Whether it is reached from below, as an accuracy is.
    """
    numbers, along = np.asarray(values, dtype=float), np.asarray(places, dtype=float)
    there = numbers >= target if rising else numbers <= target
    if not there.any():
        return math.nan
    at = int(there.argmax())
    before, after = float(numbers[at - 1]) if at else math.nan, float(numbers[at])
    if not math.isfinite(before):
        return float(along[at])
    if rising or after <= 0:
        share = (before - target) / (before - after)
    else:
        share = math.log(before / target) / math.log(before / after)
    return float(along[at - 1] + share * (along[at] - along[at - 1]))


def value_at(places: Numbers, values: Numbers, place: float, rising: bool = False) -> float:
    """Return a curve's value at a place, interpolated as `crossing` does.

    Past its ends that of its first or last measurement; NaN or infinite beside one that is so, and
    NaN at no place, which is NaN.
    """
    numbers, along = np.asarray(values, dtype=float), np.asarray(places, dtype=float)
    if math.isnan(place):
        return math.nan
    at = int(np.searchsorted(along, place))
    if at == 0 or at == len(along) or along[at] == place:
        return float(numbers[min(at, len(along) - 1)])
    share = (place - along[at - 1]) / (along[at] - along[at - 1])
    before, after = numbers[at - 1], numbers[at]
    if rising or min(before, after) <= 0:
        return float(before + share * (after - before))
    return float(before ** (1 - share) * after**share)


def rises(measure: str) -> bool:
    """Return whether a measure gets better as it rises, as accuracies do."""
    return measure.endswith("accuracy")
