"""From a data config to its samples, or to a sketch of them, whatever kind of data it names.

A sketch is what a form shows: a few samples and the sizes, kept small so that it opens at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from proxprop.data.bounds import permitted
from proxprop.data.cache import CacheKey, cached, read_entry, write_entry
from proxprop.data.containers import Container, open_container
from proxprop.data.digits import digits_source
from proxprop.data.images import decode_all, folder_source
from proxprop.data.layout import Layout, find_layout
from proxprop.data.published import published_source
from proxprop.data.source import Array, Source, quiet
from proxprop.data.toys import toy_source
from proxprop.spec.catalog.data import DATA, DataSpec
from proxprop.spec.config.parts import DataConfig
from proxprop.spec.config.run import TOY_SAMPLES
from proxprop.spec.controls import Report

PICTURES = 40  # of a sketch, at most
TABLE_SUFFIXES = (".csv", ".tsv", ".npz")


@dataclass(frozen=True)
class Sketch:
    """A few samples of a data set, and what is in it.

    Attributes:
        pictures: Samples as in `Source.inputs`, going round the classes.
        targets: Their classes.
        classes: Class names by index.
        counts: Samples of each class, without an official test split.
        test_counts: Those of the official test split; None if there is none.
        notes: What was decided or left out on the way, one sentence each.

    Raises:
        ValueError: If the arrays do not fit together.
    """

    pictures: Array
    targets: Array
    classes: tuple[str, ...]
    counts: Array
    test_counts: Array | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        Source(self.pictures, self.targets, self.classes)  # refuses what does not fit


def read_source(config: DataConfig, progress: Report) -> Source:
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
    elif table := _table(config):
        key = _table_key(table, config)
        source = cached(key, Source, lambda: _read_table(table, config), progress)
    else:
        container, layout, key = _images(config)

        def build() -> Source:
            progress(f"Listing {container.path.name}", None)
            return folder_source(container, layout(), config, progress)

        source = cached(key, Source, build, progress)
    _keep_sketch(key, source)
    return source


def read_sketch(config: DataConfig) -> Sketch | None:
    """Return a sketch of the data set that `config` names, decoding no more than a few images.

    Returns:
        None for toy points, and for a download that no run has loaded yet.

    Raises:
        DataError: If a folder or table cannot be used.
    """
    spec = DATA[config.name]
    if spec.kind == "embedded":
        return _sketch_of(digits_source())
    if spec.kind == "download":
        key = _download_key(spec)
        sketch = read_entry(_sketch_key(key), Sketch)
        source = read_entry(key, Source) if sketch is None else None
        return sketch if source is None else _keep_sketch(key, source)
    if spec.kind != "folder":
        return None
    if table := _table(config):
        sketch = read_entry(_sketch_key(_table_key(table, config)), Sketch)
        return sketch or _sketch_of(read_source(config, quiet))
    container, find, key = _images(config)

    def build() -> Sketch:
        layout = find()
        chosen = layout.sample(PICTURES)
        decoded = decode_all(container, [file for file, _ in chosen], config)
        targets = np.array([target for _, target in chosen], np.int64)[decoded.kept]
        counts, test_counts = layout.counts
        return Sketch(decoded.images, targets, layout.classes, counts, test_counts, layout.notes)

    return cached(_sketch_key(key), Sketch, build)


def _sketch_of(source: Source) -> Sketch:
    # The first of each class, then the second of each, and so on.
    turns = np.empty(len(source.targets), np.int64)
    for target in range(len(source.classes)):
        members = source.targets == target
        turns[members] = np.arange(np.count_nonzero(members))
    chosen = np.lexsort((source.targets, turns))[:PICTURES]
    inputs, targets = source.inputs[chosen], source.targets[chosen]
    return Sketch(inputs, targets, source.classes, *source.counts, source.notes)


def _keep_sketch(key: CacheKey, source: Source) -> Sketch:
    """Keep the sketch of `source` beside its cache entry, in place of one drawn from a few files.

    Without a disk to write to there is just none.
    """
    place, sketch = _sketch_key(key), _sketch_of(source)
    kept = read_entry(place, Sketch)
    if (
        kept is None
        or kept.notes != sketch.notes
        or not np.array_equal(kept.pictures, sketch.pictures)
    ):
        with suppress(OSError):
            write_entry(place, sketch)
    return sketch


def is_table(path: Path) -> bool:
    """Return whether a file is a table; by its name, as .npz is a zip too."""
    return path.suffix.casefold() in TABLE_SUFFIXES


def _read_table(path: Path, config: DataConfig) -> Source:
    # pandas takes 0.3 s to import, and only tables need it.
    from proxprop.data import tables

    read = tables.npz_source if path.suffix.casefold() == ".npz" else tables.csv_source
    return read(path, config)


def _table(config: DataConfig) -> Path | None:
    """Return the file that `config` names if it is a table of samples; see `_images`."""
    path = Path(os.path.expanduser(permitted(config.path or "")))
    return path if is_table(path) and os.path.isfile(path) and not _is_list(path) else None


def _is_list(table: Path) -> bool:
    """Return whether a table lists image files."""
    if table.suffix.casefold() == ".npz":
        return False
    # pandas takes 0.3 s to import, and only tables need it.
    from proxprop.data.listing import lists_images

    return lists_images(table)


def _images(config: DataConfig) -> tuple[Container, Callable[[], Layout], CacheKey]:
    """Return where the images are that `config` names, what finds their classes, and the key."""
    path = Path(os.path.expanduser(permitted(config.path or "")))
    if not is_table(path) or not os.path.isfile(path):
        container = open_container(config.path or "")
        key = _folder_key(container, config)
        return container, lambda: find_layout(container.files(), container.path, config.split), key
    # Only tables need pandas; see above.
    from proxprop.data.listing import listed_images

    images, layout = listed_images(path, config)
    options = f"{config.image_size} {config.label!r} {config.damaged}"
    state = f"{path.stat().st_size} {path.stat().st_mtime_ns} {images.state()}"
    return images, lambda: layout, CacheKey("listed", f"listed {path.resolve()} {options}", state)


def _download_key(spec: DataSpec) -> CacheKey:
    # Checksums fix the contents.
    return CacheKey(spec.name, f"download {spec.name}", "as published")


def _folder_key(container: Container, config: DataConfig) -> CacheKey:
    options = f"{config.image_size} {config.split} {config.damaged}"
    return CacheKey("folder", f"folder 2 {container.path.resolve()} {options}", container.state())


def _table_key(path: Path, config: DataConfig) -> CacheKey:
    status = path.stat()
    identity = f"table {path.resolve()} {config.label!r} {config.damaged}"
    return CacheKey("table", identity, f"{status.st_size} {status.st_mtime_ns}")


def _sketch_key(key: CacheKey) -> CacheKey:
    return CacheKey(f"sketch-{key.name}", key.identity, key.state)
