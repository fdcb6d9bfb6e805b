from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from proxprop.data.errors import DataError
from proxprop.data.images import (
    ANIMATED,
    COARSE,
    HIDDEN,
    ON_BLACK,
    ON_WHITE,
    decode_image,
    to_bytes,
)

from .crafted import chunk, image, sixteen_bit_colours

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (5, 7), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def pixels(content: bytes, name: str, size: int | None) -> np.ndarray:
    decoded, _ = decode_image(content, name, size)
    return decoded if decoded.dtype == np.uint8 else to_bytes(decoded)[0]


def remarks(content: bytes) -> list[str]:
    return decode_image(content, "x", None)[1]


LOSSLESS = ["PNG", "BMP", "DIB", "PPM", "TIFF", "TGA", "PCX", "SGI", "JPEG2000", "QOI"]


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_are_exact(kind: str) -> None:
    if kind != "QOI":  # which has colours only
        np.testing.assert_array_equal(pixels(image(GREY, kind), "x", None), GREY)
    np.testing.assert_array_equal(pixels(image(COLOUR, kind), "x", None), COLOUR.transpose(2, 0, 1))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_lossy_formats_are_close(kind: str) -> None:
    smooth = np.add.outer(np.arange(0, 160, 5), np.arange(0, 64, 2)).astype(np.uint8)
    picture = np.stack([smooth] * 3, axis=2)
    found = pixels(image(picture, kind, quality=95), "x", None)
    assert np.abs(found.astype(int) - picture.transpose(2, 0, 1)).max() <= 6


def test_sixteen_bit_grey_becomes_eight_bit() -> None:
    found = pixels(image(GREY.astype(np.uint16) * 257), "x", None)
    np.testing.assert_array_equal(found, GREY)


def test_palette_transparency_and_two_tone_are_understood() -> None:
    flat = np.zeros((4, 4, 3), np.uint8)
    flat[:2] = (250, 10, 20)
    palette = _saved(Image.fromarray(flat).quantize(4), "PNG")
    np.testing.assert_array_equal(pixels(palette, "x", None), flat.transpose(2, 0, 1))
    transparent = _saved(Image.fromarray(flat).convert("RGBA"), "PNG")
    np.testing.assert_array_equal(pixels(transparent, "x", None), flat.transpose(2, 0, 1))
    two_tone = _saved(Image.fromarray(GREY > 127), "PNG")
    np.testing.assert_array_equal(pixels(two_tone, "x", None), (GREY > 127) * np.uint8(255))


def test_photographs_are_turned_upright() -> None:
    tags = Image.Exif()
    tags[0x0112] = 6  # the camera was turned to the right
    found = pixels(_saved(Image.fromarray(GREY), "PNG", exif=tags), "x", None)
    np.testing.assert_array_equal(found, np.rot90(GREY, -1))


def test_resizing_crops_about_the_centre_and_keeps_proportions() -> None:
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 200  # the central square
    np.testing.assert_array_equal(pixels(image(wide), "x", 10), np.full((10, 10), 200))
    assert pixels(image(COLOUR), "x", 4).shape == (3, 4, 4)


@pytest.mark.parametrize("content", [b"", b"words, not pixels", image(COLOUR)[:60], b"\x89PNG\r\n"])
def test_unreadable_images_are_told_by_name(content: bytes) -> None:
    with pytest.raises(DataError, match=r"cat/7\.png is no readable image"):
        pixels(content, "cat/7.png", None)


def test_truncated_jpeg_is_told_not_filled_with_grey() -> None:
    content = image(RANDOM.integers(0, 256, (64, 64, 3), dtype=np.uint8), "JPEG")
    with pytest.raises(DataError, match="is no readable image"):
        pixels(content[: len(content) // 2], "x", None)


def test_formats_nobody_asked_for_are_not_decoded() -> None:
    postscript = _saved(Image.fromarray(COLOUR), "EPS")
    assert Image.open(io.BytesIO(postscript)).format == "EPS"
    with pytest.raises(DataError, match="is no readable image"):
        pixels(postscript, "x", None)


def alpha(shape: np.ndarray, level: int) -> Image.Image:
    """Return a picture of one level, its shape in alpha alone."""
    return Image.fromarray(np.dstack([np.full((*shape.shape, 3), level, np.uint8), shape]))


SHAPE = np.where(np.arange(64).reshape(8, 8) % 8 < 3, 255, 0).astype(np.uint8)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize(
    ("level", "remark", "expected"),
    [(0, ON_WHITE, 255 - SHAPE), (255, ON_BLACK, SHAPE), (253, ON_BLACK, SHAPE // 255 * 253)],
)
def test_a_shape_in_alpha_is_seen(mode: str, level: int, remark: str, expected: np.ndarray) -> None:
    content = _saved(alpha(SHAPE, level).convert(mode), "PNG")
    found = pixels(content, "x", None)
    np.testing.assert_array_equal(found if mode == "LA" else found[1], expected)
    assert remarks(content) == [remark]


def test_half_transparent_pixels_are_mixed_with_white() -> None:
    half = np.full((4, 4), 128, np.uint8)
    np.testing.assert_allclose(pixels(_saved(alpha(half, 0), "PNG"), "x", None), 127, atol=1)


def test_an_alpha_channel_without_use_is_no_matter() -> None:
    for level in (0, 255):  # left empty, or full
        drawn = Image.fromarray(np.dstack([COLOUR, np.full(COLOUR.shape[:2], level, np.uint8)]))
        content = _saved(drawn, "PNG")
        np.testing.assert_array_equal(pixels(content, "x", None), COLOUR.transpose(2, 0, 1))
        assert remarks(content) == ([HIDDEN] if level == 0 else [])


def test_transparent_palettes_and_key_colours_are_drawn_on_white() -> None:
    picture = Image.fromarray(np.where(SHAPE, 1, 0).astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, 10, 20, 30])
    for kind in ("GIF", "PNG"):
        found = pixels(_saved(picture, kind, transparency=0), "x", None)
        np.testing.assert_array_equal(found[2], np.where(SHAPE, 30, 255))
    grey = _saved(Image.fromarray(SHAPE), "PNG", transparency=0)
    np.testing.assert_array_equal(pixels(grey, "x", None), SHAPE)  # white on black


@pytest.mark.parametrize(
    ("values", "expected", "scale"),
    [
        (np.uint16([[0, 120]]), [[0, 241]], "0…127 "),
        (np.uint16([[0, 1, 4095]]), [[0, 0, 255]], "0…4095 "),
        (np.uint16([[0, 257, 65535]]), [[0, 1, 255]], "0…65535 "),
        (np.int32([[0, 2**20 - 1]]), [[0, 255]], "0…1048575 "),
        (np.int32([[-100, 0, 100]]), [[0, 128, 255]], "-100…100 "),
        (np.float32([[0.1, 0.9]]), [[26, 230]], "0…1 "),
        (np.float32([[0, 100, 200]]), [[0, 100, 200]], "0…255 "),
        (np.float32([[0, 0.001]]), [[0, 255]], "0…0.001 "),
        (np.float32([[-1, 1]]), [[0, 255]], "-1…1 "),
        (np.float32([[300, 310, 400]]), [[0, 26, 255]], "300…400 "),
    ],
)
def test_more_than_eight_bits_are_scaled_by_what_is_there(
    values: np.ndarray, expected: list[list[int]], scale: str
) -> None:
    decoded, _ = decode_image(_saved(Image.fromarray(values), "TIFF"), "x", None)
    np.testing.assert_array_equal(decoded, values)
    found, words = to_bytes(decoded)
    assert found.tolist() == expected
    assert words.startswith(scale)


def test_numbers_that_are_none_are_refused() -> None:
    content = _saved(Image.fromarray(np.float32([[0, np.nan]])), "TIFF")
    with pytest.raises(DataError, match=r"x is no readable image .*not finite"):
        pixels(content, "x", None)


def test_only_the_first_of_several_frames_is_read_and_that_is_remarked() -> None:
    frames = [Image.fromarray(np.full((4, 4), level, np.uint8)) for level in (7, 9)]
    for kind in ("GIF", "TIFF", "PNG"):
        content = _saved(frames[0], kind, save_all=True, append_images=frames[1:])
        assert remarks(content) == [ANIMATED]
        assert (pixels(content, "x", None) == 7).all()
    photograph = _saved(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert remarks(photograph) == []  # a camera's preview of itself


def test_sixteen_bits_a_channel_are_remarked() -> None:
    assert remarks(sixteen_bit_colours(65535)) == [COARSE]
    assert remarks(image(COLOUR)) == remarks(image(COLOUR, "BMP")) == []


@pytest.mark.parametrize("side", [9_000, 30_000])
def test_pixel_bombs_are_refused_by_their_header(side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")
    with pytest.raises(DataError, match=r"big\.png is refused"):
        pixels(bomb, "big.png", None)
