"""One image file becomes one uint8 array."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image, ImageOps

from proxprop.data.containers.rules import MAX_PIXELS
from proxprop.data.errors import DataError
from proxprop.data.source import Array

# Named, so that a crafted file cannot reach a decoder nobody asked for (PostScript runs programs).
_FORMATS = ("JPEG", "PNG", "BMP", "PPM", "TIFF", "WEBP")
_GREY = ("1", "L", "LA", "La")
_DEEP_GREY = ("I", "I;16", "I;16L", "I;16B", "I;16N")  # all hold 16-bit levels
_ORIENTATION = 0x0112  # EXIF tag


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
