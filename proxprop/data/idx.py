"""MNIST and Fashion-MNIST, read straight from their compressed idx files."""

from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path

import numpy as np

from proxprop.data.download import RemoteFile, obtain
from proxprop.data.errors import DataError
from proxprop.data.source import Array, Progress, Source

FOLDERS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}  # as torchvision names them

# SHA-256 of Fashion-MNIST's unpacked files, taken from originals with torchvision's checksums.
_CONTENTS = {
    "FashionMNIST/raw/train-images-idx3-ubyte.gz": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    "FashionMNIST/raw/train-labels-idx1-ubyte.gz": (
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
    ),
    "FashionMNIST/raw/t10k-images-idx3-ubyte.gz": (
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    "FashionMNIST/raw/t10k-labels-idx1-ubyte.gz": (
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
    ),
}


def idx_source(name: str, label: str, classes: tuple[str, ...], progress: Progress) -> Source:
    """Return MNIST or Fashion-MNIST with its official test split.

    Reads the .gz files themselves, so that they may lie in a folder nobody can write to.

    Raises:
        DataError: If the files are missing and cannot be fetched, or are damaged.
    """
    paths = {path.name: path for path in obtain(label, idx_files(name), progress)}

    def part(prefix: str) -> tuple[Array, Array]:
        images = read_idx(paths[f"{prefix}-images-idx3-ubyte.gz"])
        labels = read_idx(paths[f"{prefix}-labels-idx1-ubyte.gz"])
        return images[:, None], labels.astype(np.int64)

    return Source(*part("train"), classes, *part("t10k"))


def idx_files(name: str) -> list[RemoteFile]:
    """Return the four files of data set `name`, with torchvision's mirrors and checksums."""
    from torchvision import datasets  # slow to import, and needed only before the cache is filled

    listed = getattr(datasets, FOLDERS[name])
    files = []
    for file, md5 in listed.resources:
        path = f"{FOLDERS[name]}/raw/{file}"
        mirrors = tuple(mirror + file for mirror in listed.mirrors)
        files.append(RemoteFile(path, mirrors, md5, _CONTENTS.get(path, "")))
    return files


def read_idx(path: Path) -> Array:
    """Return the uint8 array of a gzipped idx file.

    The format: two zero bytes, the element type (8: unsigned byte), the number of dimensions, each
    dimension as a big-endian 32-bit integer, then the elements.

    Raises:
        DataError: If the file is no such file or ends early.
    """
    try:
        with gzip.open(path, "rb") as stream:
            zeros, kind, dimensions = struct.unpack(">HBB", stream.read(4))
            if zeros != 0 or kind != 8:
                raise ValueError("not an idx file of unsigned bytes")
            shape = struct.unpack(f">{dimensions}I", stream.read(4 * dimensions))
            content = stream.read(math.prod(shape) + 1)  # to the end, where the checksum is
        return np.frombuffer(content, np.uint8).reshape(shape).copy()
    except (OSError, EOFError, ValueError, struct.error) as error:
        raise DataError(f"{path} cannot be read ({error}); delete it and load again") from error
