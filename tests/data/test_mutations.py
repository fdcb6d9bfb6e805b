"""Archives with a few bytes changed at random: read or refused in words, never a crash."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from proxprop.data.containers import open_container
from proxprop.data.errors import DataError
from proxprop.data.images import decode_image

from .crafted import Files, image, two_classes, write_tar, write_zip

FILES = two_classes(per_class=3)


def mutations(sound: bytes, count: int) -> list[bytes]:
    source = random.Random(0)
    found = []
    for _ in range(count):
        content = bytearray(sound)
        for _ in range(source.choice((1, 1, 2, 8))):
            content[source.randrange(len(content))] = source.randrange(256)
        found.append(bytes(content))
    return found


@pytest.mark.parametrize(
    ("name", "write", "count"),
    [
        ("a.zip", write_zip, 600),
        ("a.tar", write_tar, 600),
        ("a.tar.gz", write_tar, 200),
        ("a.tar.bz2", write_tar, 150),
        ("a.tar.xz", write_tar, 150),
    ],
)
def test_mutated_archives_are_read_or_refused(
    tmp_path: Path, name: str, write: Callable[[Path, Files], Path], count: int
) -> None:
    path = write(tmp_path / name, FILES)
    refusals = []
    for content in mutations(path.read_bytes(), count):
        path.write_bytes(content)
        try:
            container = open_container(str(path))
            for file, part in container.read(container.files()):
                assert len(part) <= file.size  # never more than was checked against the limits
        except DataError as error:
            refusals.append(str(error))
    assert 20 < len(refusals) <= count
    assert all(str(path) in words for words in refusals)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "kind", [*("PNG", "JPEG", "BMP", "PPM", "TIFF", "WEBP", "GIF", "AVIF", "TGA", "ICO", "QOI")]
)
def test_mutated_images_are_decoded_or_refused(kind: str) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    options = {"bitmap_format": "bmp"} if kind == "ICO" else {}
    refusals = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing about a user's files goes to the log
        for content in mutations(image(picture, kind, **options), 100):
            try:
                pixels, _ = decode_image(content, "cat/1", 16)
            except DataError as error:
                refusals.append(str(error))
            else:
                assert pixels.shape in ((16, 16), (3, 16, 16))
    assert len(refusals) < 100
    assert all("cat/1" in words for words in refusals)
