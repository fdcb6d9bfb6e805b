"""Image files become uint8 arrays: one file, or all of a layout.

Nothing is flattened or dropped in silence: what had to be decided is noted, what cannot be decided
is refused.
"""

from __future__ import annotations

import io
import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from proxprop.data.containers import Container, File
from proxprop.data.errors import DataError
from proxprop.data.layout import Layout
from proxprop.data.source import Array, Source, amount, listed, quiet
from proxprop.spec.config.parts import DataConfig
from proxprop.spec.controls import Report

MAX_PIXELS = 64_000_000  # one image
MAX_DECODED_BYTES = 8 << 30  # all images as uint8
MAX_LISTED = 100  # damaged images in one message
REPORT_EVERY = 0.2  # seconds between reports of progress

# Named, so that a crafted file cannot reach a decoder nobody asked for (PostScript runs programs).
_FORMATS = (
    *("JPEG", "PNG", "GIF", "BMP", "DIB", "WEBP", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA", "ICO"),
    *("PCX", "QOI", "SGI"),
)
_GREY = ("1", "L", "LA", "La")
_DEEP = ("F", "I", "I;16", "I;16L", "I;16B", "I;16N")  # more than 8 bits a pixel
_ORIENTATION = 0x0112  # EXIF tag
_LEAST_CONTRAST = 8  # levels; below, a picture has vanished on its background

# What is remarked of single images.
ANIMATED = "Of several frames the first is used"
ON_WHITE = "Transparent in part, drawn on white"
ON_BLACK = "Transparent in part, drawn on black, as not seen on white"
HIDDEN = "Wholly transparent, read as if not"
COARSE = "Of 16 bits a channel the upper 8 are read"
FLAT = "Of one colour only"


@dataclass(frozen=True)
class Decoded:
    """Image files as arrays.

    Attributes:
        images: uint8, N × C × H × W; C = 3 if any of them has colours, else 1.
        kept: Positions of these among the files asked for: damaged ones may be left out.
        notes: What was decided or left out, one sentence each.
    """

    images: Array
    kept: NDArray[np.int64]
    notes: tuple[str, ...]


def folder_source(
    container: Container, layout: Layout, config: DataConfig, progress: Report
) -> Source:
    """Return all images of `layout`, decoded.

    Raises:
        DataError: If an image cannot be read, or images differ in shape; says which.
    """
    pairs = (*layout.train, *(layout.test or ()))
    decoded = decode_all(container, [file for file, _ in pairs], config, progress)
    targets = np.array([target for _, target in pairs], np.int64)[decoded.kept]
    cut = int(np.searchsorted(decoded.kept, len(layout.train)))
    images, notes = decoded.images, layout.notes + decoded.notes
    for target, name in enumerate(layout.classes):
        if target not in targets[:cut]:
            raise DataError(f"{container.path} has no readable image of class {name!r} to train on")
    if layout.test is None:
        return Source(images, targets, layout.classes, notes=notes)
    return Source(images[:cut], targets[:cut], layout.classes, images[cut:], targets[cut:], notes)


def decode_all(
    container: Container, files: Sequence[File], config: DataConfig, progress: Report = quiet
) -> Decoded:
    """Return `files` decoded; images of more than 8 bits are scaled by what all of them hold.

    Raises:
        DataError: If an image cannot be read, or images differ in shape; says which.
    """
    position = {file: i for i, file in enumerate(files)}
    gathered = _Gathered(len(files), container)
    damaged: dict[int, str] = {}
    done, reported = 0, monotonic()

    def pass_over(file: File, why: str) -> None:
        nonlocal done
        done += 1
        damaged[position[file]] = why

    for file, content in container.read(files, pass_over):
        done += 1
        try:
            pixels, remarks = decode_image(content, file.name, config.image_size)
        except DataError as error:
            damaged[position[file]] = str(error)
        else:
            gathered.add(position[file], file.name, pixels, remarks)
        if monotonic() - reported > REPORT_EVERY:
            reported = monotonic()
            progress(f"Decoding {done:,} of {len(files):,} images", done / len(files))
    if done < len(files):
        raise DataError(f"{container.path} changed while it was read; load again")
    notes = []
    if damaged:
        names = listed([damaged[i] for i in sorted(damaged)], MAX_LISTED, "; ")
        count = f"{len(damaged):,} of {amount(len(files), 'image')} of {container.path}"
        if config.damaged == "refuse" or len(damaged) == len(files):
            raise DataError(
                f"{count} cannot be used: {names}; replace or remove them, or set "
                "data.damaged (Damaged samples) to 'skip'"
            )
        notes.append(f"Left out, as damaged: {count}: {names}.")
    kept = np.setdiff1d(np.arange(len(files)), [*damaged])
    images = gathered.images()
    return Decoded(images[kept] if damaged else images, kept, (*notes, *gathered.notes()))


class _Gathered:
    """Images on their way into one array, and what was remarked of them."""

    def __init__(self, count: int, container: Container) -> None:
        self._count = count
        self._container = container
        self._stack: Array | None = None
        self._first = ""
        self._deep: dict[str, dict[int, tuple[str, Array]]] = defaultdict(dict)  # by type of number
        self._remarked: dict[str, list[str]] = defaultdict(list)
        self._brightest_coarse = 0
        self._scales: list[str] = []

    def add(self, position: int, name: str, pixels: Array, remarks: list[str]) -> None:
        """Take in one image."""
        if self._stack is None:
            self._first, self._stack = name, self._reserved(1 if pixels.ndim == 2 else 3, pixels)
        self._check_shape(pixels, name)
        if pixels.ndim == 3 and self._stack.shape[1] == 1:
            coloured = self._reserved(3, pixels)
            coloured[:] = self._stack
            self._stack = coloured
        if pixels.dtype != np.uint8:
            self._deep[str(pixels.dtype)][position] = name, pixels
        else:
            self._stack[position] = pixels  # grey pixels spread over three channels
            remarks = [*remarks, FLAT] if _is_flat(pixels) else remarks
        for remark in remarks:
            self._remarked[remark].append(name)
        if COARSE in remarks:
            self._brightest_coarse = max(self._brightest_coarse, int(pixels.max()))

    def images(self) -> Array:
        """Return all images; positions that were never added hold anything."""
        assert self._stack is not None
        if COARSE in self._remarked and self._brightest_coarse < 128:
            raise DataError(
                f"{self._container.path} has images of 16 bits a channel "
                f"({_examples(self._remarked[COARSE])}) without a value above half of what these "
                "hold, and only the upper 8 bits can be read; save them with 8 bits"
            )
        for images in self._deep.values():
            levels, scale = to_bytes(np.stack([values for _, values in images.values()]))
            self._stack[[*images]] = levels[:, None]
            count = amount(len(images), "image")
            self._scales.append(f"More than 8 bits a pixel in {count}: {scale}.")
            names = [name for (name, _), image in zip(images.values(), levels) if _is_flat(image)]
            self._remarked[FLAT] += names
        return self._stack

    def notes(self) -> list[str]:
        """Return what was decided, one sentence each."""
        remarked = [
            f"{remark}: {_examples(names)}." for remark, names in self._remarked.items() if names
        ]
        return self._scales + remarked

    def _check_shape(self, pixels: Array, name: str) -> None:
        assert self._stack is not None
        (height, width), (rows, columns) = pixels.shape[-2:], self._stack.shape[-2:]
        if (height, width) != (rows, columns):
            raise DataError(
                f"{name} is {width} × {height} pixels, but {self._first} is {columns} × {rows}; "
                "set data.image_size (Image side) to resize all images"
            )

    def _reserved(self, channels: int, pixels: Array) -> Array:
        shape = (self._count, channels, *pixels.shape[-2:])
        size = int(np.prod(shape, dtype=np.int64)) * pixels.itemsize
        if size > MAX_DECODED_BYTES:
            raise DataError(
                f"{self._count:,} images of {self._container.path} need {size / 2**30:.0f} GiB of "
                f"memory, above the limit of {MAX_DECODED_BYTES >> 30} GiB; set a smaller "
                "data.image_size (Image side)"
            )
        return np.empty(shape, np.uint8)


def _examples(names: list[str]) -> str:
    return f"{amount(len(names), 'image')}, the first {names[0]}"


def decode_image(content: bytes, name: str, size: int | None) -> tuple[Array, list[str]]:
    """Return the pixels, H × W if grey and 3 × H × W otherwise, and what is to be remarked of them.

    Args:
        content: The file.
        name: Its name, for messages.
        size: Side of the square it is resized to; the longer side is cropped about the centre, so
            that nothing is distorted. None to keep its size.

    Returns:
        uint8 in 0…255; grey images of more than 8 bits as int32 or float32, not yet scaled.

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
    except UnidentifiedImageError as error:
        raise DataError(f"{name} is no readable image (its content is of no known kind)") from error
    # A crafted file can make a decoder raise almost anything.
    except Exception as error:
        raise DataError(f"{name} is no readable image ({error or type(error).__name__})") from error


def _check_pixels(size: tuple[int, int], name: str) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise DataError(
            f"{name} is refused: it has {size[0]} × {size[1]} pixels, above the limit of "
            f"{MAX_PIXELS // 10**6} million"
        )


def _pixels(image: ImageFile.ImageFile, size: int | None) -> tuple[Array, list[str]]:
    remarks = []
    # A photograph may carry a preview of itself as a second frame.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        remarks.append(ANIMATED)
    if image.mode not in _DEEP and image.format in ("PNG", "TIFF", "SGI") and _is_coarse(image):
        remarks.append(COARSE)
    upright: Image.Image = image
    if image.getexif().get(_ORIENTATION, 1) != 1:
        upright = ImageOps.exif_transpose(image)
    grey, whole = upright.mode in _GREY, upright.mode in _DEEP and upright.mode != "F"
    if upright.mode in _DEEP:
        upright = Image.fromarray(np.asarray(upright).astype(np.float32))
        if not np.isfinite(np.asarray(upright)).all():
            raise ValueError("it holds values that are not finite")
    else:
        if upright.has_transparency_data:
            upright, remark = _composited(upright.convert("RGBA"))
            remarks += [remark] if remark else []
        upright = upright.convert("L" if grey else "RGB")
    if size is not None and upright.size != (size, size):
        upright = ImageOps.fit(upright, (size, size), Image.Resampling.BICUBIC)
    pixels = np.asarray(upright)
    if whole:
        pixels = np.rint(pixels).astype(np.int32)
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1)), remarks


def _is_flat(pixels: Array) -> bool:
    return bool((pixels == pixels[..., :1, :1]).all())


def _is_coarse(image: ImageFile.ImageFile) -> bool:
    arguments = image.tile[0].args if image.tile else None
    return ";16" in str(arguments if isinstance(arguments, str) else (arguments or ())[:1])


def _composited(image: Image.Image) -> tuple[Image.Image, str]:
    """Return an RGBA image without its alpha channel, and what is to be remarked of that."""
    alpha, colours = image.getchannel("A"), image.convert("RGB")
    low, high = np.asarray(alpha).min(), np.asarray(alpha).max()
    if low == 255:
        return colours, ""
    if high == 0:  # some programs leave the channel empty
        return colours, HIDDEN
    white, black = (
        Image.composite(colours, Image.new("RGB", image.size, ground), alpha)
        for ground in ("white", "black")
    )
    vanished = _contrast(white) < _LEAST_CONTRAST <= _contrast(black)
    return (black, ON_BLACK) if vanished else (white, ON_WHITE)


def _contrast(image: Image.Image) -> int:
    return int(np.ptp(np.asarray(image), axis=(0, 1)).max())


def to_bytes(values: Array) -> tuple[Array, str]:
    """Return numbers of more than 8 bits as uint8, and their scale in words.

    Whole numbers are scaled by the fewest bits that hold the largest of them, so that 16-bit files
    of a 12-bit camera keep their contrast; others from 0…1 or 0…255 where these ranges are used,
    else from the least to the largest.

    Args:
        values: Numbers of all images that belong together, finite, of any shape.
    """
    low, high = float(values.min()), float(values.max())
    if low >= 0 and np.issubdtype(values.dtype, np.integer):
        low, high = 0.0, float(2 ** max(1, int(high).bit_length()) - 1)
    elif low >= 0 and (0.5 < high <= 1 or 127 < high <= 255):
        low, high = 0.0, 1.0 if high <= 1 else 255.0
    scaled = np.rint((values - low) * 255.0 / (high - low or 1.0)).astype(np.uint8)
    shown = [f"{end:.0f}" if end.is_integer() else f"{end:g}" for end in (low, high)]
    return scaled, f"{shown[0]}…{shown[1]} is scaled to 0…255"
