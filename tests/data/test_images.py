from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from proxprop.data.errors import DataError
from proxprop.data.images import decode_image

from .crafted import image

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (5, 7), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF"])
def test_lossless_formats_are_exact(kind: str) -> None:
    np.testing.assert_array_equal(decode_image(image(GREY, kind), "x", None), GREY)
    np.testing.assert_array_equal(
        decode_image(image(COLOUR, kind), "x", None), COLOUR.transpose(2, 0, 1)
    )


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats_are_close(kind: str) -> None:
    smooth = np.add.outer(np.arange(0, 160, 5), np.arange(0, 64, 2)).astype(np.uint8)
    picture = np.stack([smooth] * 3, axis=2)
    found = decode_image(image(picture, kind, quality=95), "x", None)
    assert np.abs(found.astype(int) - picture.transpose(2, 0, 1)).max() <= 6


def test_sixteen_bit_grey_becomes_eight_bit() -> None:
    found = decode_image(image(GREY.astype(np.uint16) * 257), "x", None)
    np.testing.assert_array_equal(found, GREY)


def test_palette_transparency_and_two_tone_are_understood() -> None:
    flat = np.zeros((4, 4, 3), np.uint8)
    flat[:2] = (250, 10, 20)
    palette = _saved(Image.fromarray(flat).quantize(4), "PNG")
    np.testing.assert_array_equal(decode_image(palette, "x", None), flat.transpose(2, 0, 1))
    transparent = _saved(Image.fromarray(flat).convert("RGBA"), "PNG")
    np.testing.assert_array_equal(decode_image(transparent, "x", None), flat.transpose(2, 0, 1))
    two_tone = _saved(Image.fromarray(GREY > 127), "PNG")
    np.testing.assert_array_equal(decode_image(two_tone, "x", None), (GREY > 127) * np.uint8(255))


def test_photographs_are_turned_upright() -> None:
    tags = Image.Exif()
    tags[0x0112] = 6  # the camera was turned to the right
    found = decode_image(_saved(Image.fromarray(GREY), "PNG", exif=tags), "x", None)
    np.testing.assert_array_equal(found, np.rot90(GREY, -1))


def test_resizing_crops_about_the_centre_and_keeps_proportions() -> None:
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 200  # the central square
    np.testing.assert_array_equal(decode_image(image(wide), "x", 10), np.full((10, 10), 200))
    assert decode_image(image(COLOUR), "x", 4).shape == (3, 4, 4)


@pytest.mark.parametrize("content", [b"", b"words, not pixels", image(COLOUR)[:60], b"\x89PNG\r\n"])
def test_unreadable_images_are_told_by_name(content: bytes) -> None:
    with pytest.raises(DataError, match=r"cat/7\.png is no readable image"):
        decode_image(content, "cat/7.png", None)


def test_truncated_jpeg_is_told_not_filled_with_grey() -> None:
    content = image(RANDOM.integers(0, 256, (64, 64, 3), dtype=np.uint8), "JPEG")
    with pytest.raises(DataError, match="is no readable image"):
        decode_image(content[: len(content) // 2], "x", None)


def test_formats_nobody_asked_for_are_not_decoded() -> None:
    postscript = _saved(Image.fromarray(COLOUR), "EPS")
    assert Image.open(io.BytesIO(postscript)).format == "EPS"
    with pytest.raises(DataError, match="is no readable image"):
        decode_image(postscript, "x", None)


@pytest.mark.parametrize("side", [9_000, 30_000])
def test_pixel_bombs_are_refused_by_their_header(side: int) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")
    with pytest.raises(DataError, match=r"big\.png is refused"):
        decode_image(bomb, "big.png", None)
