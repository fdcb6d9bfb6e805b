"""MNIST, Fashion-MNIST and CIFAR-10, read from the files that torchvision downloads.

What torchvision lists of them is repeated here (a test compares), because importing it takes
longer than reading them.
"""

from __future__ import annotations

import gzip
import math
import pickletools
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np

from proxprop.data.download import RemoteFile, obtain
from proxprop.data.errors import DataError
from proxprop.data.source import Array, Source
from proxprop.spec.catalog.data import DataSpec
from proxprop.spec.controls import Report

_IDX_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def _idx_files(
    folder: str, mirrors: tuple[str, ...], md5: tuple[str, ...], contents: tuple[str, ...]
) -> tuple[RemoteFile, ...]:
    return tuple(
        RemoteFile(f"{folder}/raw/{name}", tuple(mirror + name for mirror in mirrors), *checksums)
        for name, *checksums in zip(_IDX_FILES, md5, contents)
    )


FILES: dict[str, tuple[RemoteFile, ...]] = {
    "mnist": _idx_files(
        "MNIST",
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
        (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        ("", "", "", ""),
    ),
    "fashion-mnist": _idx_files(
        "FashionMNIST",
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        (  # taken from originals with the checksums above
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    "cifar10": (
        RemoteFile(
            "cifar-10-python.tar.gz",
            ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
            "c58f30108f718f92721af3b95e74349a",
        ),
    ),
}

_CIFAR_PIXELS = 3 * 32 * 32
_CIFAR_TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
_CIFAR_TEST = "test_batch"
_INTEGERS = ("BININT", "BININT1", "BININT2", "INT")
_STRINGS = ("STRING", "BINSTRING", "SHORT_BINSTRING")


def published_source(spec: DataSpec, progress: Report) -> Source:
    """Return the data set that `spec` describes, with its official test split.

    Reads the published files themselves, so that they may lie in a folder nobody can write to.

    Raises:
        DataError: If files are missing and cannot be fetched, or are damaged.
    """
    paths = obtain(spec.label, FILES[spec.name], progress)
    if spec.name == "cifar10":
        return _cifar_source(spec, paths[0], progress)
    images, labels, test_images, test_labels = map(read_idx, paths)
    return Source(
        images[:, None],
        labels.astype(np.int64),
        spec.classes,
        test_images[:, None],
        test_labels.astype(np.int64),
    )


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


def _cifar_source(spec: DataSpec, path: Path, progress: Report) -> Source:
    batches: dict[str, tuple[Array, Array]] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = Path(member.name).name
                wanted = name in (*_CIFAR_TRAIN, _CIFAR_TEST)
                content = archive.extractfile(member) if wanted else None
                if content is not None:
                    progress(f"Decoding {spec.label}: {name}", len(batches) / 6)
                    batches[name] = read_cifar_batch(content.read())
        inputs, targets = map(np.concatenate, zip(*(batches[name] for name in _CIFAR_TRAIN)))
        return Source(inputs, targets, spec.classes, *batches[_CIFAR_TEST])
    except (OSError, EOFError, KeyError, ValueError, tarfile.TarError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}); delete it and load again") from error


def read_cifar_batch(content: bytes) -> tuple[Array, Array]:
    """Return images (uint8, N × 3 × 32 × 32) and targets (int64, N) of one batch file.

    Batches are Python pickles. A pickle is a program; here it is only disassembled: the labels are
    the integers after the key "labels", the pixels the one long byte string.

    Raises:
        ValueError: If the content is no such batch.
    """
    key, pixels = "", b""
    labels: list[int] = []
    for opcode, argument, _ in pickletools.genops(content):
        if isinstance(argument, str) and opcode.name in _STRINGS:
            if len(argument) >= _CIFAR_PIXELS:
                pixels = argument.encode("latin-1")
            key = argument[:16]
        elif isinstance(argument, int) and opcode.name in _INTEGERS and key == "labels":
            labels.append(argument)
    if not labels or len(pixels) != len(labels) * _CIFAR_PIXELS:
        raise ValueError(f"{len(labels)} labels and {len(pixels)} bytes of pixels do not match")
    images = np.frombuffer(pixels, np.uint8).reshape(-1, 3, 32, 32)
    return images.copy(), np.array(labels, np.int64)
