"""How a run ends: diverged, collapsed, stopped or finished, in words and numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from proxprop.spec.curves import RISING_FACTOR
from proxprop.spec.events import Outcome

DIVERGED_FACTOR = 1e3
COLLAPSED_MARGIN = 0.02


class LossWatch:
    """Says when a run has diverged: its loss is not finite, or above 1e3 × the initial one.

    Attributes:
        initial: Loss of the first mini-batch.
        last: Loss of the latest mini-batch that was not diverged.
        divergence: What happened once it has diverged, for example "diverged at step 37: loss
            1e12 → inf"; empty before.
    """

    def __init__(self, initial: float | None = None, last: float | None = None) -> None:
        self.initial = initial
        self.last = last
        self.divergence = ""
        self._highest = -math.inf

    @property
    def rising(self) -> bool:
        """Whether the latest loss is far above the first, and the highest so far."""
        if self.initial is None or self.last is None:
            return False
        return self.last > RISING_FACTOR * self.initial and self.last >= self._highest

    def take(self, step: int, loss: float) -> None:
        """Take the loss of the mini-batch of `step`."""
        if self.initial is None:
            self.initial = loss
        self.take_whole_set(step, loss)
        if not self.divergence:
            self.last, self._highest = loss, max(self._highest, loss)

    def take_whole_set(self, step: int, loss: float) -> None:
        """Take the loss of a whole set after `step`; the bound is the mini-batches'."""
        bound = math.inf if self.initial is None else DIVERGED_FACTOR * self.initial
        if not self.divergence and (not math.isfinite(loss) or loss > bound):
            before = "" if self.last is None else f"{self.last:.3g} → "
            self.divergence = f"diverged at step {step}: loss {before}{loss:.3g}"

    def take_weights(self, step: int, finite: bool) -> None:
        """Take whether all weights are finite after `step`."""
        if not self.divergence and not finite:
            self.divergence = f"diverged at step {step}: a weight is not finite"


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


def constant_loss(targets: Tensor, classes: int) -> float:
    """Return the loss of the best constant predictor: the entropy of the class frequencies."""
    counts = torch.bincount(targets, minlength=classes).double()
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * shares.log()).sum())


def collapsed(loss: float, constant: float) -> bool:
    """Return whether `loss` is within 2 % of a constant predictor's."""
    return abs(loss - constant) <= COLLAPSED_MARGIN * constant


def verdict(
    step: int, epoch: float, stopped: bool, diverged: str, summary: Summary, constant: float
) -> tuple[Outcome, str]:
    """Return how a run ended, and one sentence about it.

    Args:
        step: Steps done.
        epoch: The same in epochs; less than one is too early to speak of collapse.
        stopped: Whether it was stopped.
        diverged: What happened if it diverged, else empty.
        summary: Its final and best values.
        constant: Loss of the best constant predictor.
    """
    if diverged:
        return "diverged", diverged
    if stopped:
        return "stopped", f"stopped at step {step}"
    final = summary.values.get("train_loss", summary.values.get("validation_loss"))
    if final is not None and epoch >= 1 and collapsed(final, constant):
        return "collapsed", (
            f"collapsed: ends at loss {final:.3g}, no better than always guessing the class "
            f"frequencies ({constant:.3g}); change η or τ"
        )
    words = f"finished after {epoch:.4g} epochs"
    accuracy = summary.values.get("validation_accuracy")
    return "finished", words if accuracy is None else f"{words}: validation accuracy {accuracy:.1%}"
