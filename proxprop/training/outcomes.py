"""How a run ended: diverged, collapsed or finished, in words and numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

DIVERGED_FACTOR = 1e3
COLLAPSED_MARGIN = 0.02


class LossWatch:
    """Says when a run has diverged: its loss is not finite, or above 1e3 × the initial one.

    Attributes:
        initial: Loss of the first mini-batch.
        last: Loss of the latest mini-batch before the current one.
    """

    def __init__(self, initial: float | None = None, last: float | None = None) -> None:
        self.initial = initial
        self.last = last

    def diverges(self, loss: float) -> bool:
        """Take the loss of the next mini-batch; return True if the run has diverged."""
        if self.initial is None:
            self.initial = loss
        if not math.isfinite(loss) or loss > DIVERGED_FACTOR * self.initial:
            return True
        self.last = loss
        return False

    def words(self, step: int, loss: float) -> str:
        """Return what happened at `step`, for example "diverged at step 37: loss 1e12 → inf"."""
        before = "" if self.last is None else f"{self.last:.3g} → "
        return f"diverged at step {step}: loss {before}{loss:.3g}"


def constant_loss(targets: Tensor, classes: int) -> float:
    """Return the loss of the best constant predictor: the entropy of the class frequencies."""
    counts = torch.bincount(targets, minlength=classes).double()
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * shares.log()).sum())


def collapsed(loss: float, constant: float) -> bool:
    """Return whether `loss` is within 2 % of a constant predictor's."""
    return abs(loss - constant) <= COLLAPSED_MARGIN * constant


class Summary:
    """Final and best value of every column of losses and accuracies.

    The value of column `c` is kept as `c`, its best (lowest loss, highest accuracy) as `best_c`.
    """

    def __init__(self, values: Mapping[str, float] | None = None) -> None:
        self.values: dict[str, float] = dict(values or {})

    def take(self, columns: Mapping[str, float]) -> None:
        """Take in the columns of a new point."""
        for name, value in columns.items():
            self.values[name] = value
            if math.isnan(value):
                continue
            better = max if name.endswith("accuracy") else min
            best = self.values.get(f"best_{name}", value)
            self.values[f"best_{name}"] = better(best, value)
