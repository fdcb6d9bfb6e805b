"""What a file of exported runs comes to: runs, and of each its metrics as curves."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from proxprop.runs.thinning import kept_rows

Floats = NDArray[np.float64]
# What seconds count: training alone, as in our own exports, or everything since the first record.
Clock = Literal["", "training", "wall"]

MAX_RUNS = 20  # of a file; the first ones in their order
MAX_METRICS = 200  # of a run
MAX_NUMBERS = 1_000_000  # of a file
MAX_POINTS = 800  # of a curve; of longer ones a part stays, peaks among it
MAX_NAME = 80  # characters
# A metric that says the epoch at a step, where a file has no column of epochs.
_EPOCH = ("epoch", "train/epoch", "trainer/epoch", "epochs")


class ExportError(ValueError):
    """A file cannot be read as exported runs; the message says why, and what can be."""


@dataclass(frozen=True)
class Curve:
    """One metric of one run, ordered by step; NaN in `epoch` or `seconds` is what nobody said."""

    step: Floats
    epoch: Floats
    seconds: Floats
    value: Floats

    def __len__(self) -> int:
        return len(self.step)

    def has(self, axis: str) -> bool:
        """Return whether every point says where it is on an axis."""
        return bool(np.isfinite(getattr(self, axis)).all())


@dataclass(frozen=True)
class ImportedRun:
    """A run as a file tells of it.

    Attributes:
        name: What a person reads.
        source: What wrote it: "TensorBoard", "trackio", …
        curves: Metric → its curve.
        clock: What its seconds count; "" if it says none.
    """

    name: str
    source: str
    curves: Mapping[str, Curve]
    clock: Clock = ""


@dataclass
class Points:
    """The points of one metric as they are read."""

    numbers: array[float] = field(default_factory=lambda: array("d"))

    def curve(self) -> Curve:
        """Return them by step; of a step told twice, as after a resume, the later one."""
        rows = np.array(self.numbers, dtype=np.float64).reshape(-1, 4)
        last = np.unique(rows[::-1, 0], return_index=True)[1]
        rows = rows[len(rows) - 1 - last]
        kept = kept_rows({"step": rows[:, 0], "value": rows[:, 3]}, MAX_POINTS)
        return Curve(*(column[... if kept is None else kept] for column in rows.T))


class Runs:
    """Runs as they are read: points by run and metric, within the limits.

    Args:
        source: What wrote the file.
        clock: What seconds count where they are given.
    """

    def __init__(self, source: str, clock: Clock = "") -> None:
        self._source, self._clock = source, clock
        self._runs: dict[str, dict[str, Points]] = {}
        self._count = 0

    def add(
        self,
        run: str,
        metric: str,
        step: float,
        value: float,
        epoch: float = math.nan,
        seconds: float = math.nan,
    ) -> None:
        """Take a point; one without a step that is a number is left out.

        Raises:
            ExportError: If there are too many.
        """
        if not math.isfinite(step) or not abs(step) < 1e15:
            return
        metrics = self._runs.get(run)
        if metrics is None:
            if len(self._runs) >= MAX_RUNS:
                return
            metrics = self._runs.setdefault(run, {})
        points = metrics.get(metric)
        if points is None:
            if len(metrics) >= MAX_METRICS:
                return
            points = metrics.setdefault(metric, Points())
        self._count += 1
        if self._count > MAX_NUMBERS:
            raise ExportError(
                f"holds more than {MAX_NUMBERS:,} numbers; export fewer metrics or fewer runs"
            )
        points.numbers.extend((step, epoch, seconds, value))

    def keys(self) -> list[str]:
        """Return the runs that have points, in the order of their first ones."""
        return list(self._runs)

    def finished(self, names: Mapping[str, str] | None = None) -> list[ImportedRun]:
        """Return the runs that have points.

        Args:
            names: Key of a run → what a person reads, where that is not the key.
        """
        runs = []
        for key, metrics in self._runs.items():
            curves = with_epochs({name: points.curve() for name, points in metrics.items()})
            timed = any(curve.has("seconds") for curve in curves.values())
            name = " ".join((names or {}).get(key, key).split())
            name = name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
            clock = self._clock if timed else ""
            runs.append(ImportedRun(name or self._source, self._source, curves, clock))
        return runs


def with_epochs(curves: Mapping[str, Curve]) -> dict[str, Curve]:
    """Return the curves, their epochs read off the metric that tells them, if there is one."""
    told = next((curves[name] for name in _EPOCH if name in curves), None)
    if told is None or not np.isfinite(told.value).all():
        return dict(curves)
    return {
        name: curve
        if curve.has("epoch")
        else Curve(curve.step, _at(curve.step, told), curve.seconds, curve.value)
        for name, curve in curves.items()
    }


def _at(step: Floats, told: Curve) -> Floats:
    epochs: Floats = np.interp(step, told.step, told.value)
    return epochs


def as_number(cell: object) -> float | None:
    """Return a cell's number, NaN and infinities among them; None where it holds none."""
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return None
    try:
        return float(cell)
    except (ValueError, OverflowError):
        return None


def listed(words: Sequence[str], most: int = 8) -> str:
    """Return words as a list that stays short."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(word[:40] for word in words[:most]) + more
