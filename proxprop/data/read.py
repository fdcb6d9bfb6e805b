"""From a data config to its samples, or to a sketch of them, whatever kind of data it names.

A sketch is what a form shows: a few samples and the sizes, kept small so that it opens at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from proxprop.data.cache import CacheKey, cached, read_entry, write_entry
from proxprop.data.containers import Container, open_container
from proxprop.data.digits import digits_source
from proxprop.data.images import decode_all, folder_source
from proxprop.data.layout import find_layout
from proxprop.data.published import published_source
from proxprop.data.source import Array, Progress, Source
from proxprop.data.toys import toy_source
from proxprop.spec.catalog.data import DATA, DataSpec
from proxprop.spec.config.parts import DataConfig
from proxprop.spec.config.run import TOY_SAMPLES

PICTURES = 40  # of a sketch, at most


@dataclass(frozen=True)
class Sketch:
    """A few samples of a data set, and its size.

    Attributes:
        pictures: uint8 images N × C × H × W, going round the classes.
        targets: Their classes.
        classes: Class names by index.
        samples: Samples to train and validate on (and to test on, without an official split).
        official_test: Whether the data bring a test split.

    Raises:
        ValueError: If the arrays do not fit together.
    """

    pictures: Array
    targets: Array
    classes: tuple[str, ...]
    samples: int
    official_test: bool

    def __post_init__(self) -> None:
        Source(self.pictures, self.targets, self.classes)  # refuses what does not fit


def read_source(config: DataConfig, progress: Progress) -> Source:
    """Return all samples of the data set that `config` names.

    Raises:
        DataError: If they cannot be had or used.
    """
    spec = DATA[config.name]
    if spec.kind == "toy":
        samples = config.samples or TOY_SAMPLES
        return toy_source(config.name, samples, config.noise, config.split_seed)
    if spec.kind == "embedded":
        return digits_source()
    if spec.kind == "download":
        key = _download_key(spec)
        source = cached(key, Source, lambda: published_source(spec, progress), progress)
    else:
        container = open_container(config.path or "")

        def build() -> Source:
            progress(f"Listing {container.path.name}", None)
            layout = find_layout(container.files(), container.path)
            return folder_source(container, layout, config.image_size, progress)

        key = _folder_key(container, config.image_size)
        source = cached(key, Source, build, progress)
    _keep_sketch(key, source)
    return source


def read_sketch(config: DataConfig) -> Sketch | None:
    """Return a sketch of the data set that `config` names, decoding no more than a few images.

    Returns:
        None for points, and for a download that no run has loaded yet.

    Raises:
        DataError: If an image folder cannot be used.
    """
    spec = DATA[config.name]
    if spec.kind == "embedded":
        return _sketch_of(digits_source())
    if spec.kind == "download":
        return read_entry(_sketch_key(_download_key(spec)), Sketch)
    if spec.kind != "folder":
        return None
    container = open_container(config.path or "")

    def build() -> Sketch:
        layout = find_layout(container.files(), container.path)
        chosen = layout.sample(PICTURES)
        pictures = decode_all(container, [file for file, _ in chosen], config.image_size)
        targets = np.array([target for _, target in chosen], np.int64)
        return Sketch(pictures, targets, layout.classes, len(layout.train), layout.test is not None)

    return cached(_sketch_key(_folder_key(container, config.image_size)), Sketch, build)


def _go_round(targets: Array, classes: int, count: int) -> NDArray[np.int64]:
    """Return the positions of the first `count` samples, taking one of each class in turn."""
    turns = np.empty(len(targets), np.int64)
    for target in range(classes):
        members = targets == target
        turns[members] = np.arange(np.count_nonzero(members))
    return np.lexsort((targets, turns))[:count]


def _sketch_of(source: Source) -> Sketch:
    chosen = _go_round(source.targets, len(source.classes), PICTURES)
    return Sketch(
        source.inputs[chosen],
        source.targets[chosen],
        source.classes,
        len(source.targets),
        source.test_inputs is not None,
    )


def _keep_sketch(key: CacheKey, source: Source) -> None:
    """Keep the sketch of `source` beside its cache entry, in place of one drawn from a few files.

    Without a disk to write to there is just none.
    """
    place, sketch = _sketch_key(key), _sketch_of(source)
    kept = read_entry(place, Sketch)
    if kept is not None and np.array_equal(kept.pictures, sketch.pictures):
        return
    try:
        write_entry(place, sketch)
    except OSError:
        return


def _download_key(spec: DataSpec) -> CacheKey:
    # Checksums fix the contents.
    return CacheKey(spec.name, f"download {spec.name}", "as published")


def _folder_key(container: Container, image_size: int | None) -> CacheKey:
    identity = f"folder {container.path.resolve()} {image_size}"
    return CacheKey("folder", identity, container.state())


def _sketch_key(key: CacheKey) -> CacheKey:
    return CacheKey(f"sketch-{key.name}", key.identity, key.state)
