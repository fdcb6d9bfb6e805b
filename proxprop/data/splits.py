"""Which samples train, validate and test: fixed by the data config alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from proxprop.data.errors import DataError
from proxprop.data.source import keyed_permutation
from proxprop.spec.config.parts import DataConfig
from proxprop.spec.config.run import split_sizes

# Upper half of the key, so that a split and an epoch of equal seeds are unrelated.
_SPLIT_KEY = 0x73706C6974  # "split"


@dataclass(frozen=True)
class Indices:
    """Positions of samples; `test` is None where an official test split is used as it is."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64] | None


def split_indices(config: DataConfig, available: int, official_test: bool) -> Indices:
    """Return which of `available` samples go where.

    Raises:
        DataError: If no sample is left to train on.
    """
    total = available if config.samples is None else min(config.samples, available)
    sizes = split_sizes(total, config.validation, official_test)
    if sizes.train < 1:
        raise DataError(
            f"{total} samples with validation {config.validation} leave none to train on; "
            "lower data.validation or use more samples"
        )
    order = keyed_permutation(available, config.split_seed, _SPLIT_KEY)
    edges = np.cumsum([sizes.test, sizes.validation, sizes.train])
    test, validation, train = (np.sort(part) for part in np.split(order[: edges[-1]], edges[:-1]))
    return Indices(train, validation, None if official_test else test)
