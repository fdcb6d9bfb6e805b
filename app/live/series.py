"""Downsampling that keeps extremes, as a table grows: at most about 600 points a series.

Rows fall into buckets of w = 2, 4, 8, … rows; w doubles when there would be too many. Of a bucket
remain its first smallest, its last largest and its first non-finite value (so that two equal
neighbours both stay while w = 2); of the whole series also the first and the last row. The result
depends on the rows alone, not on how they arrived, so a client that has seen the first n₀ rows can
be told what to cut and append without any record of what it was sent. Doubling merges neighbours
and never needs the raw rows again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
AXES = ("step", "epoch", "seconds")
MAX_POINTS = 600
# Fields of a kept point: row number, step, epoch, seconds, value.
_ROW, _VALUE, _FIELDS = 0, 4, 5
# What a bucket keeps.
_MIN, _MAX, _BAD, _SLOTS = 0, 1, 2, 3


@dataclass(frozen=True)
class Delta:
    """What turns a client's copy of a series into the current one: cut to `start`, then append."""

    start: int
    step: Floats
    epoch: Floats
    seconds: Floats
    y: Floats


def bucket_width(rows: int, limit: int = MAX_POINTS) -> int:
    """Return the smallest w = 2, 4, 8, … with 2·⌈rows / w⌉ ≤ limit."""
    width = 2
    while 2 * -(-rows // width) > limit:
        width *= 2
    return width


class Table:
    """The downsampled columns of one table of one contender.

    Args:
        columns: Names of the value columns.
        limit: Points per series, give or take the non-finite ones.
    """

    def __init__(self, columns: tuple[str, ...], limit: int = MAX_POINTS) -> None:
        self.columns = columns
        self.rows = 0
        self.limit = limit
        self.width = 2
        self._first: Floats | None = None  # (field, column)
        self._last: Floats | None = None
        # (bucket, slot, field, column); an empty slot has row −1, the last bucket may be growing.
        self._buckets = np.empty((0, _SLOTS, _FIELDS, len(columns)))

    def append(self, data: Mapping[str, Floats]) -> None:
        """Take more rows: `step`, `epoch`, `seconds` and values by column name."""
        axes = np.stack([np.asarray(data[axis], dtype=np.float64) for axis in AXES])
        count = axes.shape[1]
        if count == 0:
            return
        self._add_columns(tuple(name for name in data if name not in AXES))
        absent = np.full(count, np.nan)
        values = np.stack([data.get(name, absent) for name in self.columns], axis=1)
        numbers = np.arange(self.rows, self.rows + count, dtype=np.float64)
        rows = np.vstack([numbers, axes])  # (field without value, row)
        if self._first is None:
            self._first = _point(rows[:, 0], values[0])
        self._last = _point(rows[:, -1], values[-1])
        self._fill(rows, values)
        self.rows += count
        while self.width < bucket_width(self.rows, self.limit):
            self._double()

    def delta(self, column: int, known_rows: int = 0) -> Delta:
        """Return what a client that knows the first `known_rows` rows lacks of a column."""
        kept = 0
        if 0 < known_rows <= self.rows and bucket_width(known_rows, self.limit) == self.width:
            # The bucket of the last row is told anew even if it is full: the last row ends it.
            kept = min(known_rows, self.rows - 1) // self.width
        start = len(self._points(0, kept, column)) if kept else 0
        points = self._points(kept, len(self._buckets), column, last=True)
        _, step, epoch, seconds, y = points.T
        return Delta(start, step, epoch, seconds, y)

    def _points(self, start: int, stop: int, column: int, last: bool = False) -> Floats:
        """Return (point, field) of buckets `start` to `stop` in order of their rows."""
        parts = [self._buckets[start:stop, :, :, column].reshape(-1, _FIELDS)]
        if start == 0 and self._first is not None:
            parts.append(self._first[None, :, column])
        if last and self._last is not None:
            parts.append(self._last[None, :, column])
        points = np.concatenate(parts)
        points = points[points[:, _ROW] >= 0]
        _, order = np.unique(points[:, _ROW], return_index=True)
        return points[order]

    def _fill(self, rows: Floats, values: Floats) -> None:
        """Finish the unfinished bucket, reduce whole ones at once, leave the rest unfinished."""
        used = self.rows % self.width
        head = min(self.width - used, rows.shape[1]) if used else 0
        whole = (rows.shape[1] - head) // self.width * self.width
        if head:
            more = _reduce(rows[:, :head], values[:head], head)
            self._buckets[-1:] = _merge(self._buckets[-1:], more)
        parts = [self._buckets]
        if whole:
            part = slice(head, head + whole)
            parts.append(_reduce(rows[:, part], values[part], self.width))
        if rest := rows.shape[1] - head - whole:
            parts.append(_reduce(rows[:, -rest:], values[-rest:], rest))
        if len(parts) > 1:
            self._buckets = np.concatenate(parts)

    def _double(self) -> None:
        even, odd = self._buckets[0::2], self._buckets[1::2]
        merged = _merge(even[: len(odd)], odd)
        self._buckets = np.concatenate([merged, even[len(odd) :]])
        self.width *= 2

    def _add_columns(self, names: tuple[str, ...]) -> None:
        """Make room for columns that appear late; their earlier rows stay empty."""
        new = tuple(name for name in names if name not in self.columns)
        if not new:
            return
        self.columns += new
        grow = [(0, 0)] * 3 + [(0, len(new))]
        self._buckets = np.pad(self._buckets, grow, constant_values=-1.0)
        if self._first is not None:
            self._first = np.pad(self._first, grow[2:], constant_values=-1.0)


def _point(axes: Floats, values: Floats) -> Floats:
    """Return (field, column) of one row."""
    return np.vstack([np.repeat(axes[:, None], len(values), axis=1), values])


def _reduce(rows: Floats, values: Floats, width: int) -> Floats:
    """Return the buckets of `width` rows each: (bucket, slot, field, column)."""
    y = values.reshape(-1, width, values.shape[1])
    axes = rows.reshape(rows.shape[0], -1, width)
    finite = np.isfinite(y)
    some = finite.any(axis=1)
    picks = (
        (np.where(finite, y, np.inf).argmin(axis=1), some),
        (width - 1 - np.where(finite, y, -np.inf)[:, ::-1].argmax(axis=1), some),
        ((~finite).argmax(axis=1), ~finite.all(axis=1)),
    )
    buckets = np.empty((y.shape[0], _SLOTS, _FIELDS, y.shape[2]))
    for slot, (pick, there) in enumerate(picks):
        for field in range(_VALUE):
            taken = np.take_along_axis(axes[field], pick, axis=1)
            buckets[:, slot, field] = np.where(there, taken, -1.0)
        taken = np.take_along_axis(y, pick[:, None], axis=1)[:, 0]
        buckets[:, slot, _VALUE] = np.where(there, taken, -1.0)
    return buckets


def _merge(left: Floats, right: Floats) -> Floats:
    """Return neighbouring buckets joined; ties as in `_reduce`."""
    has_left, has_right = left[:, :, _ROW] >= 0, right[:, :, _ROW] >= 0
    a, b = left[:, :, _VALUE], right[:, :, _VALUE]
    better = np.zeros(a.shape, dtype=bool)
    better[:, _MIN] = b[:, _MIN] < a[:, _MIN]
    better[:, _MAX] = b[:, _MAX] >= a[:, _MAX]
    take_right = has_right & (~has_left | better)
    return np.where(take_right[:, :, None], right, left)
