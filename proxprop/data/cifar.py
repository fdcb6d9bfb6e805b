"""CIFAR-10, read from torchvision's archive without executing what is in it.

The batches are Python pickles. A pickle is a program; here it is only disassembled: the labels are
the integers after the key "labels", the pixels the one long byte string.
"""

from __future__ import annotations

import pickletools
import tarfile
import zlib
from pathlib import Path

import numpy as np

from proxprop.data.download import RemoteFile, obtain
from proxprop.data.errors import DataError
from proxprop.data.source import Array, Progress, Source

PIXELS = 3 * 32 * 32
_INTEGERS = ("BININT", "BININT1", "BININT2", "INT")
_STRINGS = ("STRING", "BINSTRING", "SHORT_BINSTRING")


def cifar_source(label: str, classes: tuple[str, ...], progress: Progress) -> Source:
    """Return CIFAR-10 with its official test split.

    Raises:
        DataError: If the archive is missing and cannot be fetched, or is damaged.
    """
    (path,) = obtain(label, cifar_files(), progress)
    train, test = _batch_names()
    batches: dict[str, tuple[Array, Array]] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = Path(member.name).name
                content = archive.extractfile(member) if name in (*train, *test) else None
                if content is not None:
                    progress(f"Decoding {label}: {name}", len(batches) / 6)
                    batches[name] = read_batch(content.read())
        inputs, targets = zip(*(batches[name] for name in train))
        return Source(np.concatenate(inputs), np.concatenate(targets), classes, *batches[test[0]])
    except (OSError, EOFError, KeyError, ValueError, tarfile.TarError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}); delete it and load again") from error


def cifar_files() -> list[RemoteFile]:
    """Return the archive that torchvision downloads."""
    from torchvision.datasets import CIFAR10  # slow to import, needed only before the cache is full

    return [RemoteFile(CIFAR10.filename, (CIFAR10.url,), CIFAR10.tgz_md5)]


def _batch_names() -> tuple[list[str], list[str]]:
    return [f"data_batch_{i}" for i in range(1, 6)], ["test_batch"]


def read_batch(content: bytes) -> tuple[Array, Array]:
    """Return images (uint8, N × 3 × 32 × 32) and targets (int64, N) of one batch file.

    Raises:
        ValueError: If the content is no such batch.
    """
    key, pixels = "", b""
    labels: list[int] = []
    for opcode, argument, _ in pickletools.genops(content):
        if isinstance(argument, str) and opcode.name in _STRINGS:
            if len(argument) >= PIXELS:
                pixels = argument.encode("latin-1")
            key = argument[:16]
        elif isinstance(argument, int) and opcode.name in _INTEGERS and key == "labels":
            labels.append(argument)
    if not labels or len(pixels) != len(labels) * PIXELS:
        raise ValueError(f"{len(labels)} labels and {len(pixels)} bytes of pixels do not match")
    images = np.frombuffer(pixels, np.uint8).reshape(-1, 3, 32, 32)
    return images.copy(), np.array(labels, np.int64)
