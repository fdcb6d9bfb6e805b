"""From a data config to its decoded samples, whatever kind of data it names."""

from __future__ import annotations

import numpy as np

from proxprop.data.cache import CacheKey, Entry, cached
from proxprop.data.containers import Container, open_container
from proxprop.data.digits import digits_source
from proxprop.data.folder import folder_source
from proxprop.data.layout import find_layout
from proxprop.data.sketch import keep_sketch
from proxprop.data.source import Progress, Source
from proxprop.data.toys import toy_source
from proxprop.spec.catalog.data import DATA, DataSpec
from proxprop.spec.config.parts import DataConfig
from proxprop.spec.config.run import TOY_SAMPLES


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
    if spec.kind == "folder":
        return _folder(config, progress)
    return _download(spec, progress)


def download_key(spec: DataSpec) -> CacheKey:
    """Return the cache key of a downloaded set; checksums fix its contents."""
    return CacheKey(spec.name, f"download {spec.name}", "as published")


def folder_key(container: Container, image_size: int | None) -> CacheKey:
    """Return the cache key of an image folder; it changes with the files."""
    identity = f"folder {container.path.resolve()} {image_size}"
    return CacheKey("folder", identity, container.state())


def _download(spec: DataSpec, progress: Progress) -> Source:
    def build() -> Entry:
        # Imported here because the web server, which asks for keys, should not load them.
        from proxprop.data.cifar import cifar_source
        from proxprop.data.idx import idx_source

        if spec.name == "cifar10":
            return _pack(cifar_source(spec.label, spec.classes, progress))
        return _pack(idx_source(spec.name, spec.label, spec.classes, progress))

    key = download_key(spec)
    source = cached(key, build, _unpack, progress)
    keep_sketch(key, source)
    return source


def _folder(config: DataConfig, progress: Progress) -> Source:
    container = open_container(config.path or "")

    def build() -> Entry:
        progress(f"Listing {container.path.name}", None)
        layout = find_layout(container.files(), container.path)
        return _pack(folder_source(container, layout, config.image_size, progress))

    key = folder_key(container, config.image_size)
    source = cached(key, build, _unpack, progress)
    keep_sketch(key, source)
    return source


def _pack(source: Source) -> Entry:
    arrays = {"inputs": source.inputs, "targets": source.targets}
    if source.test_inputs is not None and source.test_targets is not None:
        arrays |= {"test_inputs": source.test_inputs, "test_targets": source.test_targets}
    return Entry(arrays, {"classes": source.classes})


def _unpack(entry: Entry) -> Source:
    arrays = entry.arrays
    source = Source(
        arrays["inputs"],
        arrays["targets"],
        tuple(map(str, entry.about["classes"])),
        arrays.get("test_inputs"),
        arrays.get("test_targets"),
    )
    _check(source.inputs, source.targets, source)
    if source.test_inputs is not None:
        _check(source.test_inputs, arrays["test_targets"], source)
    return source


def _check(inputs: np.ndarray, targets: np.ndarray, source: Source) -> None:
    sound = (
        inputs.dtype == np.uint8
        and targets.dtype == np.int64
        and targets.shape == inputs.shape[:1]
        and inputs.shape[1:] == source.shape
        and len(source.shape) == 3
        and targets.min(initial=0) >= 0
        and targets.max(initial=0) < len(source.classes)
    )
    if not sound:
        raise ValueError("the arrays do not fit together")
