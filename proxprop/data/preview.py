"""What a form shows of a data set before it is loaded; torch-free, for the web server."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from proxprop.data.cache import Entry, cached, read_entry
from proxprop.data.containers import open_container
from proxprop.data.digits import digits_source
from proxprop.data.folder import decode_all
from proxprop.data.layout import find_layout
from proxprop.data.read import download_key, folder_key
from proxprop.data.sketch import PICTURES, Sketch, pack, sketch_key, sketch_of, unpack
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
    sketch = _folder_sketch(config)
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
    sketch = _sketch(config)
    if sketch is None:
        return None
    pairs = zip(sketch.pictures[:count], sketch.targets[:count])
    return [(sketch.classes[target], _picture(pixels)) for pixels, target in pairs]


def _sketch(config: DataConfig) -> Sketch | None:
    spec = DATA[config.name]
    if spec.kind == "embedded":
        return sketch_of(digits_source())
    if spec.kind == "folder":
        return _folder_sketch(config)
    if spec.kind == "download":
        entry = read_entry(sketch_key(download_key(spec)))
        return None if entry is None else _sound(entry)
    return None


def _sound(entry: Entry) -> Sketch | None:
    try:
        return unpack(entry)
    except (KeyError, TypeError, ValueError):
        return None  # damaged; the next run writes it again


def _folder_sketch(config: DataConfig) -> Sketch:
    container = open_container(config.path or "")

    def build() -> Entry:
        layout = find_layout(container.files(), container.path)
        chosen = layout.sample(PICTURES)
        pictures = decode_all(container, [file for file, _ in chosen], config.image_size)
        targets = np.array([target for _, target in chosen], np.int64)
        return pack(
            Sketch(pictures, targets, layout.classes, len(layout.train), layout.test is not None)
        )

    return cached(sketch_key(folder_key(container, config.image_size)), build, unpack)


def _picture(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
