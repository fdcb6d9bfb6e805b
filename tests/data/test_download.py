from __future__ import annotations

import gzip
import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torchvision

from proxprop.data.dataset import load
from proxprop.data.download import RemoteFile, obtain
from proxprop.data.errors import DataError
from proxprop.data.published import FILES, read_idx
from proxprop.data.source import quiet
from proxprop.spec.catalog.data import DATA
from proxprop.spec.config import DataConfig

from .mirror import Mirror, mirror

CONTENT = os.urandom(1_000_000)
DEAD = "http://127.0.0.1:9/"  # the discard port: nobody answers


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def remote(*urls: str, content: bytes = CONTENT) -> RemoteFile:
    return RemoteFile("set/raw/one.gz", tuple(url + "one.gz" for url in urls), md5(content))


@pytest.fixture
def server() -> Iterator[Mirror]:
    with mirror({"one.gz": CONTENT}) as served:
        yield served


def test_download_lands_where_torchvision_looks(server: Mirror, home: Path) -> None:
    told: list[tuple[str, float | None]] = []
    (path,) = obtain("Set", [remote(server.url)], lambda w, f: told.append((w, f)))
    assert path == home / "data" / "set" / "raw" / "one.gz"
    assert path.read_bytes() == CONTENT
    assert told[-1] == ("Downloading Set: one.gz, 1 of 1 MB", 1.0)
    assert [f for _, f in told] == sorted(f for _, f in told)
    assert list(path.parent.iterdir()) == [path]


def test_second_time_nothing_is_asked_for(server: Mirror) -> None:
    for _ in range(2):
        obtain("Set", [remote(server.url)], quiet)
    assert server.asked == ["one.gz"]


def test_next_mirror_takes_over(server: Mirror) -> None:
    (path,) = obtain("Set", [remote(DEAD, server.url + "missing/", server.url)], quiet)
    assert path.read_bytes() == CONTENT


def test_damaged_transfer_is_not_kept(server: Mirror, home: Path) -> None:
    with pytest.raises(DataError, match=r"the checksum of one\.gz is wrong"):
        obtain("Set", [remote(server.url, content=b"something else")], quiet)
    assert not list((home / "data" / "set" / "raw").iterdir())


def test_damaged_local_file_is_fetched_again(server: Mirror, home: Path) -> None:
    path = home / "data" / "set" / "raw" / "one.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT[:-1])
    obtain("Set", [remote(server.url)], quiet)
    assert path.read_bytes() == CONTENT


def test_no_network_says_what_to_do_instead(home: Path) -> None:
    damaged = home / "data" / "set" / "raw" / "one.gz"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"half a file")
    with pytest.raises(DataError) as caught:
        obtain("Set", [remote(DEAD)], quiet)
    words = str(caught.value)
    assert words.startswith(f"Set could not be downloaded: {DEAD}one.gz: ")
    assert f"{damaged} is damaged" in words
    assert f"Put one.gz into {damaged.parent}, or choose the data set 'digits'" in words


def test_proxprop_data_is_looked_at_first_and_read_only_is_respected(
    server: Mirror, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    (shared / "set" / "raw").mkdir(parents=True)
    (shared / "set" / "raw" / "one.gz").write_bytes(CONTENT)
    for folder in (shared / "set" / "raw", shared / "set", shared):
        folder.chmod(0o555)
    monkeypatch.setenv("PROXPROP_DATA", str(shared))
    try:
        other = RemoteFile("more/two.gz", (f"{server.url}one.gz",), md5(CONTENT))
        one, two = obtain("Set", [remote(DEAD), other], quiet)
        assert one == shared / "set" / "raw" / "one.gz"
        assert two == home / "data" / "more" / "two.gz"
        assert [path.name for path in shared.iterdir()] == ["set"]
    finally:
        for folder in (shared, shared / "set", shared / "set" / "raw"):
            folder.chmod(0o755)


def test_writable_proxprop_data_takes_downloads(
    server: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXPROP_DATA", str(tmp_path / "sets"))
    (path,) = obtain("Set", [remote(server.url)], quiet)
    assert path == tmp_path / "sets" / "set" / "raw" / "one.gz"


def test_repacked_copy_counts_by_its_contents(home: Path) -> None:
    path = home / "data" / "set" / "raw" / "one.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(b"pixels", mtime=1))
    file = RemoteFile(
        "set/raw/one.gz", (f"{DEAD}x",), md5(b""), hashlib.sha256(b"pixels").hexdigest()
    )
    assert obtain("Set", [file], quiet) == [path]
    path.write_bytes(gzip.compress(b"pixelz", mtime=1))
    with pytest.raises(DataError, match="could not be downloaded"):
        obtain("Set", [file], quiet)


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.tobytes())


@pytest.fixture
def small_mnist(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, np.ndarray]]:
    """MNIST's four files in small, served by the second of two mirrors."""
    random = np.random.default_rng(0)
    arrays = {}
    for prefix, n in (("train", 50), ("t10k", 20)):
        arrays[f"{prefix}-images-idx3-ubyte.gz"] = random.integers(0, 256, (n, 28, 28), np.uint8)
        arrays[f"{prefix}-labels-idx1-ubyte.gz"] = random.integers(0, 10, n, np.uint8)
    files = {name: idx(array) for name, array in arrays.items()}
    with mirror(files) as served:
        mirrors = (DEAD, served.url)
        listed = [
            RemoteFile(f"MNIST/raw/{name}", tuple(url + name for url in mirrors), md5(content))
            for name, content in files.items()
        ]
        monkeypatch.setitem(FILES, "mnist", tuple(listed))
        yield arrays


def test_mnist_is_fetched_decoded_and_cached(
    small_mnist: dict[str, np.ndarray], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = DataConfig(name="mnist", validation=0)
    data = load(config)
    assert (data.shape, data.classes) == ((1, 28, 28), DATA["mnist"].classes)
    for part, prefix in ((data.train, "train"), (data.test, "t10k")):
        images = small_mnist[f"{prefix}-images-idx3-ubyte.gz"]
        labels = small_mnist[f"{prefix}-labels-idx1-ubyte.gz"]
        np.testing.assert_array_equal(part.inputs[:, 0].numpy(), images)
        np.testing.assert_array_equal(part.targets.numpy(), labels)
    for path in (home / "data" / "MNIST" / "raw").iterdir():
        path.unlink()  # the cache alone is enough from now on
    monkeypatch.setitem(
        FILES, "mnist", tuple(replace(file, urls=(DEAD,)) for file in FILES["mnist"])
    )
    np.testing.assert_array_equal(load(config).train.inputs, data.train.inputs)


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_idx_files_are_those_that_torchvision_lists(name: str) -> None:
    listed = getattr(torchvision.datasets, name)
    files = FILES["mnist" if name == "MNIST" else "fashion-mnist"]
    assert [(file.path, file.md5) for file in files] == [
        (f"{name}/raw/{file}", checksum) for file, checksum in listed.resources
    ]
    for file in files:
        assert file.urls == tuple(mirror + Path(file.path).name for mirror in listed.mirrors)
    assert all(len(file.contents) == 64 for file in FILES["fashion-mnist"])


def test_cifar_is_the_archive_that_torchvision_lists() -> None:
    (file,) = FILES["cifar10"]
    listed = torchvision.datasets.CIFAR10
    assert (file.path, file.urls, file.md5) == (listed.filename, (listed.url,), listed.tgz_md5)


@pytest.mark.parametrize(
    "content",
    [
        b"no gzip",
        gzip.compress(b""),
        gzip.compress(b"\0\0\x0d\x01" + bytes(8)),  # 32-bit floats
        gzip.compress(struct.pack(">HBBI", 0, 8, 1, 100) + bytes(99)),
        idx(np.zeros((9, 9), np.uint8))[:-9],
    ],
    ids=["no gzip", "empty", "floats", "cut short", "cut within gzip"],
)
def test_files_that_are_no_idx_are_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{path} cannot be read .* delete it and load again"):
        read_idx(path)
