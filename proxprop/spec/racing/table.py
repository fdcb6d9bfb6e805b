"""The table of a race: what each contender reached, how fast, compared with a baseline.

Everything is computed from stored points, so the same numbers follow from an export.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from proxprop.spec.config import RaceConfig
from proxprop.spec.curves import MEASURES, Measure, Stat, crossing, rises
from proxprop.spec.events import Ended
from proxprop.spec.racing.contenders import members_of, race_labels

if TYPE_CHECKING:
    import pandas as pd

# What a row gives as a ratio to the baseline's, beside the final value of the target's measure.
_COMPARED = ("step_seconds", "epochs_to_target", "seconds_to_target")


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

    def beside(self, baseline: Row, measure: Measure) -> Row:
        """Return the row with its ratios to another row."""
        ratios = {name: getattr(self, name).over(getattr(baseline, name)) for name in _COMPARED}
        ratios[measure] = self.final[measure].over(baseline.final[measure])
        return replace(self, ratios=ratios)


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
        target: A loss to get down to, or an accuracy to get up to; None for no target. When it is
            reached is said in `proxprop.spec.curves`.
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
    table = []
    for contender, label in enumerate(race_labels(config)):
        members = [m for m in members_of(config, contender) if m in steps or m in evaluations]
        member_ends = [(ends or {}).get(m) for m in members]
        numbers = [
            _numbers(evaluations.get(m), steps.get(m), ended, target, measure)
            for m, ended in zip(members, member_ends)
        ]
        outcomes = tuple(ended.outcome if ended else "" for ended in member_ends)
        stats: dict[str, Any] = {
            name: Stat.of(member[name] for member in numbers)
            for name in _numbers(None, None, None, None, measure)  # what a member without any has
        }
        row = Row(
            contender,
            label,
            tuple(members),
            outcomes,
            diverged=outcomes.count("diverged"),
            final={name: stats.pop(f"final_{name}") for name in MEASURES},
            best={name: stats.pop(f"best_{name}") for name in MEASURES},
            reached=stats["epochs_to_target"].n,
            ratios={},
            **stats,
        )
        table.append(row)
    return [row.beside(table[baseline], measure) for row in table]


def as_frame(table: Sequence[Row]) -> pd.DataFrame:
    """Return the table flat: a row per contender, "<value>" and "<value>_std" columns."""
    import pandas as pd  # half a second to import, and only an export needs it

    return pd.DataFrame([_flat(row) for row in table])


def _numbers(
    evaluations: pd.DataFrame | None,
    steps: pd.DataFrame | None,
    ended: Ended | None,
    target: float | None,
    measure: Measure,
) -> dict[str, float]:
    """Return one member's numbers by their names in a `Row`; NaN where it has none."""
    numbers = {}
    for name in MEASURES:
        values = _column(evaluations, name)
        finite = values[np.isfinite(values)]
        diverged = ended is not None and ended.outcome == "diverged"
        numbers[f"final_{name}"] = math.nan if diverged else _last(values)
        best = np.max if rises(name) else np.min
        numbers[f"best_{name}"] = float(best(finite)) if finite.size else math.nan
    for axis, plural in (("epoch", "epochs"), ("seconds", "seconds")):
        numbers[plural] = _last(_column(steps, axis))
        numbers[f"{plural}_to_target"] = crossing(
            _column(evaluations, axis),
            _column(evaluations, measure),
            math.nan if target is None else target,
            rises(measure),
        )
    # Of an endless run some steps only are kept.
    durations = np.diff(_column(steps, "seconds"), prepend=0.0) / np.maximum(
        1.0, np.diff(_column(steps, "step"), prepend=0.0)
    )
    numbers["step_seconds"] = float(np.median(durations)) if durations.size else math.nan
    numbers["test_accuracy"] = ended.summary.get("test_accuracy", math.nan) if ended else math.nan
    return numbers


def _column(frame: pd.DataFrame | None, name: str) -> np.ndarray:
    if frame is None or name not in frame:
        return np.empty(0)
    return frame[name].to_numpy(dtype=float)


def _last(values: np.ndarray) -> float:
    return float(values[-1]) if values.size else math.nan


def _flat(row: Row) -> dict[str, object]:
    flat: dict[str, object] = {
        "contender": row.contender,
        "label": row.label,
        "seeds": len(row.members),
        "diverged": row.diverged,
        "reached": row.reached,
    }
    stats = {f"final_{name}": stat for name, stat in row.final.items()}
    stats |= {f"best_{name}": stat for name, stat in row.best.items()}
    stats |= {name: value for name, value in vars(row).items() if isinstance(value, Stat)}
    for name, stat in stats.items():
        flat |= {name: stat.mean, f"{name}_std": stat.std}
    return flat | {f"{name}_ratio": ratio for name, ratio in row.ratios.items()}
