"""Decoded samples as plain arrays, before they are split: what every kind of data boils down to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MOST_CLASSES = 30  # named in one message


@dataclass(frozen=True)
class Source:
    """Every sample of a data set.

    Attributes:
        inputs: uint8 images N × C × H × W in 0…255, or float32 points N × d.
        targets: int64 class indices, N.
        classes: Class names by index.
        test_inputs: Inputs of the official test split; None if there is none.
        test_targets: Targets of the official test split; None if there is none.
        notes: What was decided or left out on the way, one sentence each.

    Raises:
        ValueError: If the arrays do not fit together.
    """

    inputs: Array
    targets: Array
    classes: tuple[str, ...]
    test_inputs: Array | None = None
    test_targets: Array | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self.inputs, self.targets, self)
        if self.test_inputs is not None or self.test_targets is not None:
            _check(self.test_inputs, self.test_targets, self)

    @property
    def counts(self) -> tuple[Array, Array | None]:
        """Samples of each class, and those of the official test split if there is one."""
        bins = len(self.classes)
        tested = self.test_targets
        test_counts = None if tested is None else np.bincount(tested, minlength=bins)
        return np.bincount(self.targets, minlength=bins), test_counts

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


def amount(count: int, noun: str) -> str:
    """Return "1 image", or "1,200 images" for more."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(names: Sequence[str], most: int = 20, mark: str = ", ") -> str:
    """Return the first `most` of `names`, and how many more there are."""
    more = f"{mark}and {len(names) - most:,} more" if len(names) > most else ""
    return mark.join(names[:most]) + more


def counted(classes: tuple[str, ...], counts: Array, test_counts: Array | None, what: str) -> str:
    """Return how many samples of which class there are, in words.

    Args:
        classes: Class names by index.
        counts: Samples of each class, without an official test split.
        test_counts: Those of the official test split; None if there is none.
        what: "image" or "row".
    """
    parts = [counts] if test_counts is None else [counts, test_counts]
    shares = [
        listed([f"{name} {number:,}" for name, number in zip(classes, part)], MOST_CLASSES)
        for part in parts
    ]
    total = amount(sum(int(part.sum()) for part in parts), what)
    return f"{total} in {len(classes):,} classes: {'; in the test split: '.join(shares)}."


def validation_use(validation: bool, test: bool) -> tuple[str, str]:
    """Return which split an official validation split is used as ("" without one), and a note.

    `DataConfig.validation` sets its own fraction aside from the samples to train on.

    Args:
        validation: Whether there is one.
        test: Whether there is an official test split.
    """
    if not validation:
        return "", ""
    if test:
        return "train", "The validation samples are joined to those to train on."
    return "test", "The validation samples are used as the test split, as there is no other."


def quiet(message: str, fraction: float | None) -> None:
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
