from __future__ import annotations

import hashlib
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from proxprop.data.dataset import load
from proxprop.data.download import RemoteFile
from proxprop.data.errors import DataError
from proxprop.data.published import FILES, read_cifar_batch
from proxprop.spec.catalog.data import DATA
from proxprop.spec.config import DataConfig

from .crafted import write_tar

RANDOM = np.random.default_rng(0)


def batch(pixels: np.ndarray, labels: list[int]) -> bytes:
    """Return what Python 2 wrote: {batch_label, labels, data, filenames} by protocol 2."""

    def text(content: bytes) -> bytes:
        if len(content) < 256:
            return b"U" + struct.pack("<B", len(content)) + content
        return b"T" + struct.pack("<i", len(content)) + content

    def number(value: int) -> bytes:
        return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)

    rows = number(len(labels))
    data = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87R"
        b"(K\x01" + rows + number(3072) + b"\x86cnumpy\ndtype\nq\x09U\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        + text(pixels.tobytes())
        + b"tb"
    )
    names = b"".join(text(f"img_{i}.png".encode()) for i in range(len(labels)))
    return (
        b"\x80\x02}q\x01("
        + text(b"batch_label") + text(b"training batch 1 of 5")
        + text(b"labels") + b"]q\x05(" + b"".join(map(number, labels)) + b"e"
        + text(b"data") + data
        + text(b"filenames") + b"](" + names + b"e"
        + b"u."
    )  # fmt: skip


def random_batch(n: int) -> tuple[np.ndarray, list[int]]:
    pixels = RANDOM.integers(0, 256, (n, 3072), np.uint8)
    return pixels, RANDOM.integers(0, 10, n).tolist()


def test_the_crafted_batch_is_what_python_reads() -> None:
    pixels, labels = random_batch(3)
    read = pickle.loads(batch(pixels, labels), encoding="latin1")
    assert read["labels"] == labels
    np.testing.assert_array_equal(read["data"], pixels)


def test_batch_is_read_without_executing_it() -> None:
    pixels, labels = random_batch(7)
    images, targets = read_cifar_batch(batch(pixels, labels))
    np.testing.assert_array_equal(images, pixels.reshape(7, 3, 32, 32))
    assert targets.tolist() == labels
    hostile = b"\x80\x02cos\nsystem\nU\x0atouch /tmp\x85R." + batch(pixels, labels)
    with pytest.raises(ValueError, match="0 labels"):
        read_cifar_batch(hostile)


def test_mismatch_is_refused() -> None:
    pixels, labels = random_batch(5)
    with pytest.raises(ValueError, match="4 labels and 15360 bytes of pixels do not match"):
        read_cifar_batch(batch(pixels, labels[:-1]))


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch, home: Path) -> dict[str, tuple[np.ndarray, list[int]]]:
    """A small CIFAR-10 where torchvision would have put the real one."""
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    batches = {name: random_batch(8) for name in names}
    (home / "data").mkdir(parents=True)
    files = {f"cifar-10-batches-py/{name}": batch(*batches[name]) for name in reversed(names)}
    path = write_tar(home / "data" / "cifar-10-python.tar.gz", {"readme.html": b"", **files})
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    listed = RemoteFile(path.name, ("http://127.0.0.1:9/x",), digest)
    monkeypatch.setitem(FILES, "cifar10", (listed,))
    return batches


def test_batches_are_joined_in_order(
    archive: dict[str, tuple[np.ndarray, list[int]]],
) -> None:
    data = load(DataConfig(name="cifar10", validation=0))
    assert (data.shape, data.classes) == ((3, 32, 32), DATA["cifar10"].classes)
    pixels = np.concatenate([archive[f"data_batch_{i}"][0] for i in range(1, 6)])
    np.testing.assert_array_equal(data.train.inputs.numpy(), pixels.reshape(-1, 3, 32, 32))
    assert data.train.targets.tolist() == [
        label for i in range(1, 6) for label in archive[f"data_batch_{i}"][1]
    ]
    assert data.test.targets.tolist() == archive["test_batch"][1]


def test_missing_archive_says_where_to_put_it(
    archive: dict[str, tuple[np.ndarray, list[int]]], home: Path
) -> None:
    (home / "data" / "cifar-10-python.tar.gz").unlink()
    with pytest.raises(
        DataError, match=rf"Put cifar-10-python\.tar\.gz into {home}/data, or choose"
    ):
        load(DataConfig(name="cifar10"))
