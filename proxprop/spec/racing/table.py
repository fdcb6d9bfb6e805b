"""The table of a race: what each contender reached, how fast, compared with a baseline.

Everything is computed from stored points, so the same numbers follow from an export.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from proxprop.spec.config import RaceConfig
from proxprop.spec.events import Ended
from proxprop.spec.racing.labels import race_labels
from proxprop.spec.racing.members import members_of

if TYPE_CHECKING:
    import pandas as pd

Measure = Literal["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]
MEASURES: tuple[Measure, ...] = (
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
)


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
    def of(cls, values: Sequence[float]) -> Stat:
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


@dataclass(frozen=True)
class Row:
    """One contender.

    Attributes:
        contender: Its index.
        label: What a person reads.
        members: Its members that have points.
        outcomes: How they ended; "" for one that has not.
        diverged: How many diverged.
        final: Measure → value at the last evaluation; members that diverged have none.
        best: Measure → lowest loss or highest accuracy, also of members that diverged later.
        test_accuracy: At the end, of members that came to their end.
        step_seconds: Median training time of a step.
        epochs: Epochs done.
        seconds: Training seconds spent.
        reached: How many members reached the target.
        epochs_to_target: Epochs until then, of those that did.
        seconds_to_target: Training seconds until then, of those that did.
        ratios: "step_seconds", "epochs_to_target", "seconds_to_target" and the final of the
            target's measure → this contender's mean over the baseline's; NaN where either lacks.
    """

    contender: int
    label: str
    members: tuple[int, ...]
    outcomes: tuple[str, ...]
    diverged: int
    final: dict[str, Stat]
    best: dict[str, Stat]
    test_accuracy: Stat
    step_seconds: Stat
    epochs: Stat
    seconds: Stat
    reached: int
    epochs_to_target: Stat
    seconds_to_target: Stat
    ratios: dict[str, float]


def rows(
    config: RaceConfig,
    evaluations: Mapping[int, pd.DataFrame],
    steps: Mapping[int, pd.DataFrame],
    ends: Mapping[int, Ended] | None = None,
    *,
    target: float | None = None,
    measure: Measure = "train_loss",
    baseline: int = 0,
) -> list[Row]:
    """Return one row for each contender, in order.

    Args:
        config: The race, at the step sizes raced.
        evaluations: Member → its points of the table "evaluations".
        steps: Member → its points of the table "steps".
        ends: Member → how it ended.
        target: A loss to get down to, or an accuracy to get up to; None for no target. It is
            reached where the straight line between two evaluations first crosses it.
        measure: Which loss or accuracy the target is of.
        baseline: The contender the ratios are to.

    Raises:
        IndexError: If there is no such baseline.
        ValueError: If `measure` is none.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure must be one of {', '.join(MEASURES)}, got {measure!r}")
    if not 0 <= baseline < len(config.contenders):
        raise IndexError(f"baseline must be in 0…{len(config.contenders) - 1}, got {baseline}")
    made = []
    for contender, label in enumerate(race_labels(config)):
        members = [m for m in members_of(config, contender) if m in steps or m in evaluations]
        lines = [
            _line(evaluations.get(m), steps.get(m), (ends or {}).get(m), target, measure)
            for m in members
        ]
        made.append(_row(contender, label, members, lines))
    return [_compared(row, made[baseline], measure) for row in made]


def as_frame(table: Sequence[Row]) -> pd.DataFrame:
    """Return the table flat: a row per contender, "<value>" and "<value>_std" columns."""
    import pandas as pd

    return pd.DataFrame([_flat(row) for row in table])


@dataclass(frozen=True)
class _Line:
    """One member's numbers; NaN where it has none."""

    outcome: str
    final: dict[str, float]
    best: dict[str, float]
    test_accuracy: float
    step_seconds: float
    epochs: float
    seconds: float
    to_target: tuple[float, float]


def _line(
    evaluations: pd.DataFrame | None,
    steps: pd.DataFrame | None,
    ended: Ended | None,
    target: float | None,
    measure: Measure,
) -> _Line:
    outcome = ended.outcome if ended else ""
    values: dict[str, np.ndarray] = {m: _column(evaluations, m) for m in MEASURES}
    finals = {
        m: float(v[-1]) if v.size and outcome != "diverged" else math.nan for m, v in values.items()
    }
    seconds = _column(steps, "seconds")
    epochs = _column(steps, "epoch")
    durations = np.diff(seconds, prepend=0.0)
    crossing = (math.nan, math.nan)
    if target is not None:
        crossing = (
            _crossing(values[measure], _column(evaluations, "epoch"), target, measure),
            _crossing(values[measure], _column(evaluations, "seconds"), target, measure),
        )
    return _Line(
        outcome,
        finals,
        {m: _best(v, m) for m, v in values.items()},
        ended.summary.get("test_accuracy", math.nan) if ended else math.nan,
        float(np.median(durations)) if durations.size else math.nan,
        float(epochs[-1]) if epochs.size else math.nan,
        float(seconds[-1]) if seconds.size else math.nan,
        crossing,
    )


def _column(frame: pd.DataFrame | None, name: str) -> np.ndarray:
    if frame is None or name not in frame:
        return np.empty(0)
    return frame[name].to_numpy(dtype=float)


def _best(values: np.ndarray, measure: str) -> float:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return math.nan
    return float(finite.max() if measure.endswith("accuracy") else finite.min())


def _crossing(values: np.ndarray, axis: np.ndarray, target: float, measure: str) -> float:
    """Return where `values` first reaches `target` along `axis`; NaN if it never does."""
    there = values >= target if measure.endswith("accuracy") else values <= target
    if not there.any():
        return math.nan
    at = int(there.argmax())
    if at == 0:
        return float(axis[0])
    before, after = values[at - 1], values[at]
    part = (before - target) / (before - after) if np.isfinite(before) else 1.0
    return float(axis[at - 1] + part * (axis[at] - axis[at - 1]))


def _row(contender: int, label: str, members: Sequence[int], lines: Sequence[_Line]) -> Row:
    outcomes = tuple(line.outcome for line in lines)
    return Row(
        contender=contender,
        label=label,
        members=tuple(members),
        outcomes=outcomes,
        diverged=outcomes.count("diverged"),
        final={m: Stat.of([line.final[m] for line in lines]) for m in MEASURES},
        best={m: Stat.of([line.best[m] for line in lines]) for m in MEASURES},
        test_accuracy=Stat.of([line.test_accuracy for line in lines]),
        step_seconds=Stat.of([line.step_seconds for line in lines]),
        epochs=Stat.of([line.epochs for line in lines]),
        seconds=Stat.of([line.seconds for line in lines]),
        reached=sum(not math.isnan(line.to_target[0]) for line in lines),
        epochs_to_target=Stat.of([line.to_target[0] for line in lines]),
        seconds_to_target=Stat.of([line.to_target[1] for line in lines]),
        ratios={},
    )


def _compared(row: Row, baseline: Row, measure: Measure) -> Row:
    names = ("step_seconds", "epochs_to_target", "seconds_to_target")
    ratios = {name: getattr(row, name).over(getattr(baseline, name)) for name in names}
    ratios[measure] = row.final[measure].over(baseline.final[measure])
    return replace(row, ratios=ratios)


def _flat(row: Row) -> dict[str, object]:
    stats = {
        **{f"final_{name}": stat for name, stat in row.final.items()},
        **{f"best_{name}": stat for name, stat in row.best.items()},
        "test_accuracy": row.test_accuracy,
        "step_seconds": row.step_seconds,
        "epochs": row.epochs,
        "seconds": row.seconds,
        "epochs_to_target": row.epochs_to_target,
        "seconds_to_target": row.seconds_to_target,
    }
    flat: dict[str, object] = {
        "contender": row.contender,
        "label": row.label,
        "seeds": len(row.members),
        "diverged": row.diverged,
        "reached": row.reached,
    }
    for name, stat in stats.items():
        flat[name] = stat.mean
        flat[f"{name}_std"] = stat.std
    return flat | {f"{name}_ratio": ratio for name, ratio in row.ratios.items()}
