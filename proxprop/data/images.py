"""Image files become uint8 arrays: one file, or all of a layout."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from time import monotonic

import numpy as np
from PIL import Image, ImageOps

from proxprop.data.containers import Container, File
from proxprop.data.errors import DataError
from proxprop.data.layout import Layout
from proxprop.data.source import Array, Progress, Source, quiet

MAX_PIXELS = 64_000_000  # one image
MAX_DECODED_BYTES = 8 << 30  # all images as uint8
REPORT_EVERY = 0.2  # seconds between reports of progress

# Named, so that a crafted file cannot reach a decoder nobody asked for (PostScript runs programs).
_FORMATS = ("JPEG", "PNG", "BMP", "PPM", "TIFF", "WEBP")
_GREY = ("1", "L", "LA", "La")
_DEEP_GREY = ("I", "I;16", "I;16L", "I;16B", "I;16N")  # all hold 16-bit levels
_ORIENTATION = 0x0112  # EXIF tag


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
        if monotonic() - reported > REPORT_EVERY:
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


def decode_image(content: bytes, name: str, size: int | None) -> Array:
    """Return the pixels as uint8, H × W if grey and 3 × H × W otherwise.

    Args:
        content: The file.
        name: Its name, for words.
        size: Side of the square it is resized to; the longer side is cropped about the centre, so
            that nothing is distorted. None to keep its size.

    Raises:
        DataError: If it is no image, damaged, or has too many pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's advice on odd metadata is of no use here
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                _check_pixels(image.size, name)
                return _pixels(image, size)
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError(f"{name} is refused: {error}") from error
    # A crafted file can make a decoder raise almost anything.
    except Exception as error:
        raise DataError(
            f"{name} is no readable image ({error or type(error).__name__}); replace or remove it"
        ) from error


def _check_pixels(size: tuple[int, int], name: str) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise DataError(
            f"{name} is refused: it has {size[0]} × {size[1]} pixels, above the limit of "
            f"{MAX_PIXELS // 10**6} million; make it smaller"
        )


def _pixels(image: Image.Image, size: int | None) -> Array:
    upright: Image.Image = image
    if image.getexif().get(_ORIENTATION, 1) != 1:
        upright = ImageOps.exif_transpose(image)
    if upright.mode in _DEEP_GREY:
        upright = Image.fromarray(_shallow(np.asarray(upright)))
    upright = upright.convert("L" if upright.mode in _GREY else "RGB")
    if size is not None and upright.size != (size, size):
        upright = ImageOps.fit(upright, (size, size), Image.Resampling.BICUBIC)
    pixels = np.asarray(upright, dtype=np.uint8)
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _shallow(values: Array) -> Array:
    """Return 16-bit grey levels as 8-bit ones."""
    return np.clip(np.rint(values / 257), 0, 255).astype(np.uint8)
