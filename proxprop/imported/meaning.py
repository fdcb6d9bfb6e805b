"""Which of a run's metrics is a loss or accuracy that races are compared by."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from proxprop.imported.curves import Curve, ImportedRun
from proxprop.spec.curves import Measure, rises

# What people call each, small letters and underscores alone; better guesses first.
_CALLED: dict[Measure, tuple[str, ...]] = {
    "train_loss": (
        *("evaluations_train_loss", "train_loss", "training_loss", "train_loss_epoch"),
        *("loss_train", "loss_training", "epoch_loss", "loss", "steps_loss", "train_loss_step"),
    ),
    "validation_loss": (
        *("evaluations_validation_loss", "validation_loss", "val_loss", "valid_loss"),
        *("eval_loss", "dev_loss", "loss_val", "loss_validation", "loss_valid", "loss_eval"),
    ),
    "validation_accuracy": (
        *("evaluations_validation_accuracy", "validation_accuracy", "val_accuracy"),
        *("valid_accuracy", "eval_accuracy", "dev_accuracy", "val_acc", "validation_acc"),
        *("valid_acc", "eval_acc", "accuracy_val", "acc_val", "accuracy_validation"),
    ),
}


@dataclass(frozen=True)
class Reading:
    """A metric taken for a measure.

    Attributes:
        curve: Its points, an accuracy as a share.
        percent: Whether the file has it in percent.
    """

    curve: Curve
    percent: bool = False


def guess(metrics: Iterable[str], measure: Measure) -> str | None:
    """Return the metric that is most probably a measure, or None.

    A name counts whole, or else as the end of one with something before it (`fold1/val_loss`);
    that only where a single metric ends so.
    """
    plain = {metric: re.sub(r"[^a-z0-9]+", "_", metric.casefold()).strip("_") for metric in metrics}
    for called in _CALLED.get(measure, ()):
        for metric, name in plain.items():
            if name == called:
                return metric
    for called in _CALLED.get(measure, ()):
        if "_" in called:  # "loss" alone ends too many names
            ends = [metric for metric, name in plain.items() if name.endswith(f"_{called}")]
            if len(ends) == 1:
                return ends[0]
    return None


def reading(run: ImportedRun, metric: str, measure: Measure) -> Reading | None:
    """Return a metric as a measure; None if the run lacks it or it never is a number."""
    curve = run.curves.get(metric)
    if curve is None:
        return None
    finite = curve.value[np.isfinite(curve.value)]
    if not finite.size:
        return None
    if rises(measure) and 1.5 < finite.max() <= 100 and finite.min() >= 0:
        share = Curve(curve.step, curve.epoch, curve.seconds, curve.value / 100)
        return Reading(share, percent=True)
    return Reading(curve)
