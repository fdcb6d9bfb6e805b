"""What a form shows of a data set: a few samples and its size, kept small so it opens at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from proxprop.data.cache import CacheKey, Entry, read_entry, write_entry
from proxprop.data.source import Array, Source

PICTURES = 40  # at most


@dataclass(frozen=True)
class Sketch:
    """A few samples of a data set, and its size.

    Attributes:
        pictures: uint8 images N × C × H × W, going round the classes.
        targets: Their classes.
        classes: Class names by index.
        samples: Samples to train and validate on (and to test on, without an official split).
        official_test: Whether the data bring a test split.
    """

    pictures: Array
    targets: Array
    classes: tuple[str, ...]
    samples: int
    official_test: bool


def sketch_of(source: Source) -> Sketch:
    """Return the sketch of a decoded data set."""
    chosen = go_round(source.targets, len(source.classes), PICTURES)
    return Sketch(
        source.inputs[chosen],
        source.targets[chosen],
        source.classes,
        len(source.targets),
        source.test_inputs is not None,
    )


def go_round(targets: Array, classes: int, count: int) -> NDArray[np.int64]:
    """Return the positions of the first `count` samples, taking one of each class in turn."""
    turns = np.empty(len(targets), np.int64)
    for target in range(classes):
        members = targets == target
        turns[members] = np.arange(np.count_nonzero(members))
    return np.lexsort((targets, turns))[:count]


def sketch_key(key: CacheKey) -> CacheKey:
    """Return where the sketch of the data set cached under `key` is kept."""
    return CacheKey(f"sketch-{key.name}", key.identity, key.state)


def keep_sketch(key: CacheKey, source: Source) -> None:
    """Keep the sketch of `source` beside its cache entry, in place of one drawn from a few files.

    Without a disk to write to there is just none.
    """
    place, sketch = sketch_key(key), sketch_of(source)
    kept = read_entry(place)
    if kept is not None and np.array_equal(kept.arrays.get("pictures", ()), sketch.pictures):
        return
    try:
        write_entry(place, pack(sketch))
    except OSError:
        return


def pack(sketch: Sketch) -> Entry:
    """Return `sketch` as a cache entry."""
    return Entry(
        {"pictures": sketch.pictures, "targets": sketch.targets},
        {
            "classes": sketch.classes,
            "samples": sketch.samples,
            "official_test": sketch.official_test,
        },
    )


def unpack(entry: Entry) -> Sketch:
    """Return the sketch in a cache entry.

    Raises:
        KeyError: If something is missing.
        ValueError: If something does not fit.
    """
    pictures, targets = entry.arrays["pictures"], entry.arrays["targets"]
    if pictures.ndim != 4 or pictures.dtype != np.uint8 or len(pictures) != len(targets):
        raise ValueError("the arrays do not fit together")
    about = entry.about
    return Sketch(
        pictures,
        targets,
        tuple(map(str, about["classes"])),
        int(about["samples"]),
        bool(about["official_test"]),
    )
