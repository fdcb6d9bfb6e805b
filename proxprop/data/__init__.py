"""The data sets a config names: decoded once, cached as uint8, kept on the training device.

`load` returns a `Dataset` of tensors. `dataset_shape` and `preview` answer what a form needs
without torch, so the web server can use them; everything that needs torch loads lazily.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from proxprop.data.errors import DataError

if TYPE_CHECKING:
    from proxprop.data.batches import epoch_permutation
    from proxprop.data.dataset import Dataset, Split, Transform, load

_LAZY = {
    "Dataset": "dataset",
    "Split": "dataset",
    "Transform": "dataset",
    "load": "dataset",
    "epoch_permutation": "batches",
}

__all__ = [
    # loading
    "load",
    "Dataset",
    "Split",
    "Transform",
    "DataError",
    # batches
    "epoch_permutation",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'proxprop.data' has no attribute {name!r}")
    return getattr(importlib.import_module(f"proxprop.data.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
