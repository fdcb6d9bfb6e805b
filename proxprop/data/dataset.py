"""`load`: a data config becomes tensors on the training device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from proxprop.data.read import read_source
from proxprop.data.source import Array, Progress, quiet
from proxprop.data.splits import split_indices
from proxprop.spec.config.parts import DataConfig


@dataclass(frozen=True)
class Split:
    """Samples of one split, on the training device.

    Attributes:
        inputs: uint8 images N × C × H × W in 0…255, or float32 points N × 2.
        targets: int64 class indices, N.
    """

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class Transform:
    """From stored samples to what a model sees: x ↦ (x / scale − mean) / deviation.

    Attributes:
        scale: 255 for images (pixels in [0, 1], as in the paper), 1 for points.
        mean: Mean of the scaled training set per channel; empty for no standardisation.
        deviation: Its standard deviation per channel.
    """

    scale: float
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()

    def prepare(self, inputs: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return `inputs` (stored samples of any number) as floating point numbers."""
        values = inputs.to(dtype, copy=True)
        if self.scale != 1:
            values /= self.scale
        if self.mean:
            shape = (-1, *[1] * (inputs.ndim - 2))
            values -= torch.tensor(self.mean, dtype=dtype, device=inputs.device).view(shape)
            values /= torch.tensor(self.deviation, dtype=dtype, device=inputs.device).view(shape)
        return values


@dataclass(frozen=True)
class Dataset:
    """A data set, split and ready to train on.

    Attributes:
        train: Samples to train on.
        validation: Samples set aside by `split_seed`; empty where `validation` is 0.
        test: The official test split, or samples set aside by `split_seed`.
        classes: Class names by index.
        shape: Shape of one sample, (2,) or (C, H, W).
        transform: From stored samples to what a model sees.
    """

    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    shape: tuple[int, ...]
    transform: Transform

    def prepare(self, inputs: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return stored samples as the model sees them, in `dtype`; the same shape."""
        return self.transform.prepare(inputs, dtype)


def load(
    config: DataConfig, *, device: str | torch.device = "cpu", progress: Progress | None = None
) -> Dataset:
    """Return the data set that `config` describes, on `device`.

    The first load downloads or decodes and fills the cache; later ones read the cache.

    Args:
        config: Which data set, how much of it, and how it is split.
        device: Where the samples are kept.
        progress: Called with words and the fraction done (None where unknown) while files are
            fetched and decoded.

    Raises:
        DataError: If the data cannot be had or used, with what to do instead.
    """
    source = read_source(config, progress or quiet)
    indices = split_indices(config, len(source.targets), source.test_inputs is not None)

    def split(inputs: Array, targets: Array, chosen: Array | None) -> Split:
        if chosen is not None:
            inputs, targets = inputs[chosen], targets[chosen]
        return Split(torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device))

    train = source.inputs[indices.train]
    return Dataset(
        train=split(train, source.targets[indices.train], None),
        validation=split(source.inputs, source.targets, indices.validation),
        test=(
            split(source.inputs, source.targets, indices.test)
            if source.test_inputs is None or source.test_targets is None
            else split(source.test_inputs, source.test_targets, None)
        ),
        classes=source.classes,
        shape=source.shape,
        transform=_transform(train, config.standardize),
    )


def _transform(train: Array, standardize: bool) -> Transform:
    scale = 255.0 if train.dtype == np.uint8 else 1.0
    if not standardize:
        return Transform(scale)
    axes = (0, *range(2, train.ndim))
    mean = train.mean(axis=axes, dtype=np.float64) / scale
    deviation = train.std(axis=axes, dtype=np.float64) / scale
    deviation = np.where(deviation > 0, deviation, 1.0)  # a constant channel stays at zero
    return Transform(scale, tuple(mean.tolist()), tuple(deviation.tolist()))
