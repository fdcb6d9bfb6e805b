"""Small images, folders and archives, honest and hostile."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from proxprop.spec.catalog.data import DATA

Files = dict[str, bytes]


def image(pixels: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    """Return `pixels` (H × W or H × W × 3, uint8 or uint16) as an image file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def plain(level: int, size: int = 4, colour: bool = False) -> bytes:
    """Return a square image of one grey level (or of a colour that is not grey)."""
    if colour:
        pixels = np.broadcast_to(np.uint8([level, 0, 255 - level]), (size, size, 3))
    else:
        pixels = np.full((size, size), level, np.uint8)
    return image(np.ascontiguousarray(pixels))


def bars(index: int) -> bytes:
    """Return an image of light bars on black, upright for odd and level for even `index`."""
    pixels = np.zeros((16, 16), np.uint8)
    (pixels if index % 2 else pixels.T)[:, :8] = 200
    return image(pixels)


def sixteen_bit_colours(level: int) -> bytes:
    """Return a PNG of one level in three channels of 16 bits, which Pillow does not write."""
    rows = b"".join(b"\0" + row.tobytes() for row in np.full((4, 4, 3), level, ">u2"))
    header = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def two_classes(per_class: int = 6, **options: object) -> Files:
    """Return images of classes "cat" (dark) and "dog" (light), each with its own grey level."""
    return {
        f"{name}/{i:02}.png": plain(start + i, **options)
        for name, start in (("cat", 10), ("dog", 200))
        for i in range(per_class)
    }


def cifar10_folders(place: Path) -> Path:
    """Write ten classes of 70 images to train and validate on (525 and 175), and 2 to test."""
    rng = np.random.default_rng(0)
    files = {}
    for target, name in enumerate(DATA["cifar10"].classes):
        for split, count in (("train", 70), ("test", 2)):
            for i in range(count):
                pixels = rng.integers(0, 120, (32, 32, 3), dtype=np.uint8)
                pixels[..., target % 3] += np.uint8(12 * target)
                files[f"{split}/{name}/{i:03}.png"] = image(pixels)
    return write_folder(place, files)


def write_folder(place: Path, files: Files) -> Path:
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return place


def write_zip(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, files: Files, extra: tuple[tarfile.TarInfo, ...] = ()) -> Path:
    suffix = path.suffix.removeprefix(".")
    with tarfile.open(path, "w" if suffix == "tar" else f"w:{suffix}") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in extra:
            archive.addfile(member)
    return path


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """Return a tar member that is no regular file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info
