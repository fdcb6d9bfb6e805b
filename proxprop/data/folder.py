"""Class-named folders of images, on disk or in an archive."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

import numpy as np

from proxprop.data.containers import Container, File
from proxprop.data.containers.rules import MAX_DECODED_BYTES
from proxprop.data.errors import DataError
from proxprop.data.images import decode_image
from proxprop.data.layout import Layout
from proxprop.data.source import Array, Progress, Source, quiet

PATIENCE = 0.2  # seconds between reports of progress


def folder_source(
    container: Container, layout: Layout, image_size: int | None, progress: Progress
) -> Source:
    """Return all images of `layout`, decoded.

    Raises:
        DataError: If an image cannot be read, or images differ in shape; says which.
    """
    train, test = layout.train, layout.test or ()
    images = decode_all(container, [file for file, _ in (*train, *test)], image_size, progress)
    targets = np.array([target for _, target in (*train, *test)], np.int64)
    cut = len(train)
    if layout.test is None:
        return Source(images, targets, layout.classes)
    return Source(images[:cut], targets[:cut], layout.classes, images[cut:], targets[cut:])


def decode_all(
    container: Container,
    files: Sequence[File],
    image_size: int | None,
    progress: Progress = quiet,
) -> Array:
    """Return `files` as uint8 images N × C × H × W, C = 3 if any of them has colours, else 1.

    Raises:
        DataError: If an image cannot be read, or images differ in shape; says which.
    """
    position = {file: i for i, file in enumerate(files)}
    stack: Array | None = None
    first, done = "", 0
    reported = monotonic()
    for done, (file, content) in enumerate(container.read(files), start=1):
        pixels = decode_image(content, f"{file.name} in {container.path}", image_size)
        if stack is None:
            first, stack = file.name, _reserve(len(files), pixels, container)
        _check_shape(pixels, file.name, stack, first)
        if pixels.ndim == 3 and stack.shape[1] == 1:
            stack = _with_colours(stack, container)
        stack[position[file]] = pixels  # grey pixels spread over three channels
        if monotonic() - reported > PATIENCE:
            reported = monotonic()
            progress(f"Decoding {done:,} of {len(files):,} images", done / len(files))
    if stack is None or done < len(files):
        raise DataError(f"{container.path} changed while it was read; load again")
    return stack


def _check_shape(pixels: Array, name: str, stack: Array, first: str) -> None:
    if pixels.shape[-2:] != stack.shape[-2:]:
        height, width = pixels.shape[-2:]
        raise DataError(
            f"{name} is {width} × {height} pixels, but {first} is "
            f"{stack.shape[-1]} × {stack.shape[-2]}; set data.image_size to resize all images"
        )


def _reserve(count: int, pixels: Array, container: Container) -> Array:
    shape = (count, 1 if pixels.ndim == 2 else 3, *pixels.shape[-2:])
    size = int(np.prod(shape, dtype=np.int64))
    if size > MAX_DECODED_BYTES:
        raise DataError(
            f"{count:,} images of {container.path} need {size / 2**30:.0f} GiB of memory, above "
            f"the limit of {MAX_DECODED_BYTES >> 30} GiB; set a smaller data.image_size"
        )
    return np.empty(shape, np.uint8)


def _with_colours(stack: Array, container: Container) -> Array:
    coloured = _reserve(len(stack), np.empty((3, *stack.shape[2:]), np.uint8), container)
    coloured[:] = stack
    return coloured
