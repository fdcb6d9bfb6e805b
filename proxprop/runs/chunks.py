"""Blocks of points: how rows of numbers become one blob of float64 columns, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

AXES = ("step", "epoch", "seconds")
_DTYPE = np.dtype("<f8")


@dataclass(frozen=True)
class Chunk:
    """Some consecutive points of one table of one run.

    Attributes:
        seq: Grows over the whole store; ask for what comes after it.
        run_id: The run.
        member: Contender or cell; 0 for a single run.
        table: "steps", "evaluations", "layers" or "settings".
        columns: Name → values, in order; begins with step, epoch, seconds.
    """

    seq: int
    run_id: str
    member: int
    table: str
    columns: dict[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.columns["step"])


def pack(rows: Sequence[Sequence[float]]) -> bytes:
    """Return `rows` (each: one value per column) as little-endian float64, column after column."""
    return np.ascontiguousarray(np.asarray(rows, dtype=_DTYPE).T).tobytes()


def unpack(data: bytes, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Return the columns that `pack` wrote, by name."""
    block = np.frombuffer(data, dtype=_DTYPE).reshape(len(names), -1)
    return dict(zip(names, block, strict=True))


def head(data: bytes, names: Sequence[str], last_step: int) -> tuple[bytes, int]:
    """Return `data` cut to its rows up to `last_step`, and how many those are."""
    block = np.frombuffer(data, dtype=_DTYPE).reshape(len(names), -1)
    kept = block[:, block[names.index("step")] <= last_step]
    return np.ascontiguousarray(kept).tobytes(), kept.shape[1]
