"""What a form shows of a data set before it is loaded; torch-free, for the web server."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from proxprop.data.read import read_sketch
from proxprop.data.source import counted
from proxprop.spec.catalog.data import DATA
from proxprop.spec.config.parts import DataConfig
from proxprop.spec.config.run import Setting, split_sizes, training_samples


class Outline(NamedTuple):
    """A data set's outer shape.

    Attributes:
        shape: Shape of one sample, (d,) or (C, H, W).
        classes: Class names by index.
        train_size: Samples left to train on.
    """

    shape: tuple[int, ...]
    classes: tuple[str, ...]
    train_size: int


def dataset_shape(config: DataConfig) -> Outline:
    """Return the outer shape of the data set that `config` describes, without loading it.

    An image folder is listed and a few of its images are decoded; later calls are instant. Until
    it is loaded, the number of channels is that of these few.

    Raises:
        DataError: If an image folder cannot be used.
    """
    spec = DATA[config.name]
    train_size = training_samples(config)
    if spec.shape is not None and train_size is not None:
        return Outline(spec.shape, spec.classes, train_size)
    sketch = read_sketch(config)
    assert sketch is not None  # only folders get here
    available = int(sketch.counts.sum())
    total = available if config.samples is None else min(config.samples, available)
    sizes = split_sizes(total, config.validation, sketch.test_counts is not None)
    return Outline(tuple(sketch.pictures.shape[1:]), sketch.classes, sizes.train)


def check_fit(config: Setting) -> None:
    """Refuse what does not fit the data, before they are loaded.

    Raises:
        ConfigError: If a batch is larger than the training set, or the network takes no such
            samples.
        DataError: If an image folder cannot be used.
    """
    if DATA[config.data.name].kind == "folder":
        outline = dataset_shape(config.data)
        config.check_fit(outline.shape, len(outline.classes), outline.train_size)


def contents(config: DataConfig) -> tuple[str, ...]:
    """Return what was found in a folder or table: classes with counts, then what is of note.

    Returns:
        Sentences; none for data sets that are described by the catalog.

    Raises:
        DataError: If the folder or table cannot be used.
    """
    sketch = read_sketch(config) if DATA[config.name].kind == "folder" else None
    if sketch is None:
        return ()
    what = "image" if sketch.pictures.ndim == 4 else "row"
    return (counted(sketch.classes, sketch.counts, sketch.test_counts, what), *sketch.notes)


def preview(config: DataConfig, count: int) -> list[tuple[str, NDArray[np.uint8]]] | None:
    """Return up to `count` samples with their class names, going round the classes.

    Args:
        config: Which data set.
        count: How many, 1 ≤ count ≤ 40.

    Returns:
        Images of shape H × W (grey) or H × W × 3 (colour) in 0…255; None for points, and for a
        download that no run has loaded yet.

    Raises:
        DataError: If an image folder cannot be used.
    """
    sketch = read_sketch(config)
    if sketch is None or sketch.pictures.ndim != 4:
        return None
    pairs = zip(sketch.pictures[:count], sketch.targets[:count])
    return [(sketch.classes[target], _picture(pixels)) for pixels, target in pairs]


def _picture(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
