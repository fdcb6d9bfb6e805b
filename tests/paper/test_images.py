"""Which CIFAR-10 is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxprop.data.errors import DataError
from proxprop.paper.images import AS_PUBLISHED, FOLDERS, REENCODED, check_classes, find_images


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PROXPROP_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_without_any_it_is_downloaded(root: Path) -> None:
    (root / "mnist").mkdir()
    found = find_images()
    assert (found.config.name, found.stored) == ("cifar10", AS_PUBLISHED)


def test_class_folders_are_found(root: Path) -> None:
    (root / "cifar10-jpeg.tar.xz").touch()
    found = find_images()
    assert found.config.path == str(root / "cifar10-jpeg.tar.xz")
    assert found.stored == REENCODED


def test_the_published_archive_is_preferred(root: Path) -> None:
    (root / "CIFAR-10").mkdir()
    assert find_images().stored == FOLDERS
    (root / "cifar-10-python.tar.gz").touch()
    (root / "cifar-10-batches-py").mkdir()
    assert find_images().stored == AS_PUBLISHED


def test_what_is_given_wins(root: Path) -> None:
    (root / "cifar-10-python.tar.gz").touch()
    assert find_images("mine").config.path == "mine"


def test_other_classes_are_refused(root: Path) -> None:
    with pytest.raises(DataError, match=r"mine has the classes cat, dog; .* airplane, automobile"):
        check_classes(("cat", "dog"), find_images("mine"))
