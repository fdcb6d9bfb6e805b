"""`load`: a data config becomes tensors on the training device.

Which samples train, validate and test is fixed by the data config alone, and the order in which
they are seen by seed and epoch: the same on every machine and device.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from proxprop.data.errors import DataError, DataWarning
from proxprop.data.read import read_source
from proxprop.data.source import Array, Source, counted, keyed_permutation, listed, quiet
from proxprop.spec.catalog.data import DATA
from proxprop.spec.config.parts import DataConfig
from proxprop.spec.config.run import split_sizes
from proxprop.spec.controls import Report

# Upper half of the key, so that a split and an epoch of equal seeds are unrelated.
_SPLIT_KEY = 0x73706C6974  # "split"
_PROBE_KEY = 0x70726F6265  # "probe"


@dataclass(frozen=True)
class Split:
    """Samples of one split, on the training device.

    Attributes:
        inputs: uint8 images N × C × H × W in 0…255, or float32 points N × d.
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
            values -= _on_device(self.mean, dtype, inputs.device).view(shape)
            values /= _on_device(self.deviation, dtype, inputs.device).view(shape)
        return values


@functools.lru_cache(maxsize=64)
def _on_device(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Numbers where samples are prepared, brought there once: every step asks for them."""
    return torch.tensor(values, dtype=dtype, device=device)


@dataclass(frozen=True)
class Dataset:
    """A data set, split and ready to train on.

    Attributes:
        train: Samples to train on.
        validation: Samples set aside by `split_seed`; empty where `validation` is 0.
        test: The official test split, or samples set aside by `split_seed`.
        classes: Class names by index.
        shape: Shape of one sample, (d,) or (C, H, W).
        transform: From stored samples to what a model sees.
        notes: What was decided or left out of a person's own files, one sentence each.
    """

    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    shape: tuple[int, ...]
    transform: Transform
    notes: tuple[str, ...] = ()

    def prepare(self, inputs: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return stored samples as the model sees them, in `dtype`; the same shape."""
        return self.transform.prepare(inputs, dtype)


def load(
    config: DataConfig, *, device: str | torch.device = "cpu", progress: Report | None = None
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
    report = progress or quiet
    source = read_source(config, report)
    own = DATA[config.name].kind == "folder"
    indices = split_indices(
        config,
        len(source.targets),
        source.test_inputs is not None,
        source.targets if own else None,
    )
    notes = (*source.notes, *_lost_classes(source, indices)) if own else ()
    if own:
        what = "image" if len(source.shape) == 3 else "row"
        report(counted(source.classes, *source.counts, what), None)
    for note in notes:
        report(note, None)
        if progress is None:
            warnings.warn(note, DataWarning, stacklevel=2)

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
        notes=notes,
    )


@dataclass(frozen=True)
class Indices:
    """Positions of samples; `test` is None where an official test split is used as it is."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64] | None
    stratified: bool = False


def split_indices(
    config: DataConfig, available: int, official_test: bool, targets: Array | None = None
) -> Indices:
    """Return which of `available` samples go where, at random.

    Args:
        config: Sizes and seed.
        available: How many samples there are.
        official_test: Whether there is a test split besides.
        targets: Class of each sample, to split class by class where at random some class would be
            left without a sample to train on; None to split at random in any case.

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
    everything = keyed_permutation(available, config.split_seed, _SPLIT_KEY)
    order = everything[:total]
    trained_on = order[total - sizes.train :]
    stratified = targets is not None and len(np.unique(targets)) > len(
        np.unique(targets[trained_on])
    )
    if targets is not None and stratified:
        order = _by_class(everything, targets)[:total][::-1]
    test, validation, train = map(
        np.sort, np.split(order, np.cumsum([sizes.test, sizes.validation]))
    )
    return Indices(train, validation, None if official_test else test, stratified)


def _by_class(order: NDArray[np.int64], targets: Array) -> NDArray[np.int64]:
    """Return `order` with the first sample of each class in front, then all classes in step."""
    rank = np.empty(len(order))
    for target in np.unique(targets):
        members = np.flatnonzero(targets[order] == target)
        rank[members] = np.arange(len(members)) / len(members)
    return order[np.argsort(rank, kind="stable")]


def _lost_classes(source: Source, indices: Indices) -> list[str]:
    """Return notes on classes that a split at random, or too few samples, cost their place."""
    notes = []
    if indices.stratified:
        notes.append(
            "Split class by class: at random, some class would have had no sample to train on."
        )
    counts = np.bincount(source.targets[indices.train], minlength=len(source.classes))
    lost = [name for name, count in zip(source.classes, counts) if not count]
    if lost:
        notes.append(
            f"Without a sample to train on: {len(lost):,} of {len(source.classes):,} classes "
            f"({listed(lost)}); raise data.samples or lower data.validation."
        )
    return notes


def epoch_permutation(seed: int, epoch: int, n: int) -> Tensor:
    """Return the order of the `n` training samples in one epoch, as int64 on the CPU.

    Args:
        seed: The run's seed, 0 ≤ seed < 2³².
        epoch: Passes done before this one, ≥ 0.
        n: Number of samples, ≥ 0.
    """
    return torch.from_numpy(keyed_permutation(n, seed, epoch))


def few_of_each(targets: Tensor, seed: int, most: int = 24) -> Tensor:
    """Return the indices of a few samples of each class, by class, the same on every machine.

    Args:
        targets: The samples' classes, (N,).
        seed: Decides which.
        most: Samples at most; where there are more classes, one each of the first ones.
    """
    order = keyed_permutation(len(targets), seed, _PROBE_KEY)
    drawn = targets.cpu().numpy()[order]
    classes = np.unique(drawn)[:most]
    each = min(8, most // max(1, len(classes)))
    chosen = [order[drawn == target][:each] for target in classes]
    return torch.from_numpy(np.concatenate(chosen)).to(targets.device)


class Batches:
    """The training batches of one seed in order: a function of seed and step alone.

    Args:
        train: The training samples.
        size: Samples of a batch; an epoch's last batch may have fewer.
        seed: The run's seed.

    Attributes:
        per_epoch: Batches in one pass.
    """

    def __init__(self, train: Split, size: int, seed: int) -> None:
        self.per_epoch = -(-len(train) // size)
        self._train = train
        self._size = size
        self._seed = seed
        self._order = (-1, torch.empty(0))

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Return stored samples and classes of the batch that follows `step` steps."""
        chosen = self.chosen(step)
        return self._train.inputs[chosen], self._train.targets[chosen]

    def chosen(self, step: int) -> Tensor:
        """Return the positions of that batch's samples."""
        epoch, index = divmod(step, self.per_epoch)
        if self._order[0] != epoch:
            order = epoch_permutation(self._seed, epoch, len(self._train))
            self._order = (epoch, order.to(self._train.targets.device))
        return self._order[1][index * self._size : (index + 1) * self._size]


def _transform(train: Array, standardize: bool) -> Transform:
    scale = 255.0 if train.dtype == np.uint8 else 1.0
    if not standardize:
        return Transform(scale)
    axes = (0, *range(2, train.ndim))
    mean = train.mean(axis=axes, dtype=np.float64) / scale
    deviation = train.std(axis=axes, dtype=np.float64) / scale
    deviation = np.where(deviation > 0, deviation, 1.0)  # a constant channel stays at zero
    return Transform(scale, tuple(mean.tolist()), tuple(deviation.tolist()))
