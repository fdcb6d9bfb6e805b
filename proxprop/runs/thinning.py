"""Which points of a run without end are kept, so that its table stays as large as it is."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from proxprop.runs.record import AXES, unpack

Columns = dict[str, NDArray[np.float64]]


def joined_columns(chunks: Sequence[tuple[str, bytes]]) -> Columns:
    """Return the columns of a table's chunks (names as JSON, data) one after the other.

    NaN stands where a chunk lacks a column.
    """
    blocks = [unpack(data, json.loads(names)) for names, data in chunks]
    every = dict.fromkeys(name for block in blocks for name in block)
    return {
        name: np.concatenate(
            [block.get(name, np.full(len(block["step"]), np.nan)) for block in blocks]
        )
        for name in every
    }


def kept_rows(columns: Columns, most: int) -> NDArray[np.int64] | None:
    """Return the rows to keep of a table of more than `most` rows; None where it has fewer.

    Steps fall into groups of 2, 4, 8, … steps, so many that half of `most` rows are left. Of each
    remain the rows with the least and the greatest first value (one that is not finite is the
    greatest), and of the table the last row: all of its length is equally dense, and no peak is
    lost. What was thinned once comes to the same when it is thinned again.
    """
    steps = columns["step"]
    if len(steps) <= most:
        return None
    width = 2.0
    while 2 * (steps[-1] - steps[0]) / width > most / 2:
        width *= 2
    first = next((name for name in columns if name not in AXES), AXES[0])
    values = np.where(np.isfinite(columns[first]), columns[first], np.inf)
    groups = steps // width
    order = np.lexsort((values, groups))
    ends = np.flatnonzero(np.diff(groups[order], prepend=-1.0, append=np.inf))
    kept = np.concatenate([order[ends[:-1]], order[ends[1:] - 1], [len(steps) - 1]])
    return np.unique(kept)
