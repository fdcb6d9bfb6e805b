"""Decoded samples as plain arrays, before they are split: what every kind of data boils down to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Progress = Callable[[str, float | None], None]
"""Called with words and the fraction done (None where it is unknown)."""


@dataclass(frozen=True)
class Source:
    """Every sample of a data set.

    Attributes:
        inputs: uint8 images N × C × H × W in 0…255, or float32 points N × 2.
        targets: int64 class indices, N.
        classes: Class names by index.
        test_inputs: Inputs of the official test split; None if there is none.
        test_targets: Targets of the official test split; None if there is none.

    Raises:
        ValueError: If the arrays do not fit together.
    """

    inputs: Array
    targets: Array
    classes: tuple[str, ...]
    test_inputs: Array | None = None
    test_targets: Array | None = None

    def __post_init__(self) -> None:
        _check(self.inputs, self.targets, self)
        if self.test_inputs is not None or self.test_targets is not None:
            _check(self.test_inputs, self.test_targets, self)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.inputs.shape[1:])


def _check(inputs: Array | None, targets: Array | None, source: Source) -> None:
    sound = (
        inputs is not None
        and targets is not None
        and (str(inputs.dtype), inputs.ndim) in (("uint8", 4), ("float32", 2))
        and targets.dtype == np.int64
        and targets.shape == inputs.shape[:1]
        and inputs.shape[1:] == source.shape
        and targets.min(initial=0) >= 0
        and targets.max(initial=0) < len(source.classes)
    )
    if not sound:
        raise ValueError("the arrays do not fit together")


def quiet(words: str, fraction: float | None) -> None:
    """Progress that nobody watches."""


def keyed_permutation(n: int, low: int, high: int) -> NDArray[np.int64]:
    """Return a permutation of 0…n-1 that depends on (`low`, `high`) alone.

    It sorts the raw stream of Philox under that key. Raw bit streams are the part of NumPy's
    random numbers whose stability over versions and platforms is guaranteed (NEP 19).

    Args:
        n: Length, ≥ 0.
        low: Lower half of the key, 0 ≤ low < 2⁶⁴.
        high: Upper half of the key, 0 ≤ high < 2⁶⁴.
    """
    stream = np.random.Philox(key=low + (high << 64)).random_raw(n)
    return np.argsort(stream, kind="stable").astype(np.int64, copy=False)
