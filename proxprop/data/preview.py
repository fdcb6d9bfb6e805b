"""What a form shows of a data set before it is loaded; torch-free, for the web server."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from proxprop.data.read import read_sketch
from proxprop.spec.catalog.data import DATA
from proxprop.spec.config.parts import DataConfig
from proxprop.spec.config.run import split_sizes, training_samples


class Outline(NamedTuple):
    """A data set's outer shape.

    Attributes:
        shape: Shape of one sample, (2,) or (C, H, W).
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
    total = sketch.samples if config.samples is None else min(config.samples, sketch.samples)
    sizes = split_sizes(total, config.validation, sketch.official_test)
    return Outline(tuple(sketch.pictures.shape[1:]), sketch.classes, sizes.train)


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
    if sketch is None:
        return None
    pairs = zip(sketch.pictures[:count], sketch.targets[:count])
    return [(sketch.classes[target], _picture(pixels)) for pixels, target in pairs]


def _picture(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
