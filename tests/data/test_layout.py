from __future__ import annotations

from pathlib import Path

import pytest

from proxprop.data.containers import File
from proxprop.data.errors import DataError
from proxprop.data.layout import IMAGE_SUFFIXES, Layout, find_layout

PLACE = Path("pictures")


def layout(*names: str) -> Layout:
    return find_layout([File(tuple(name.split("/")), 1) for name in names], PLACE)


def rows(found: tuple[tuple[File, int], ...] | None) -> list[tuple[str, int]]:
    return [(file.name, target) for file, target in found or ()]


def test_one_folder_a_class_sorted_by_name() -> None:
    found = layout("dog/b.png", "cat/z.png", "dog/a.JPG", "cat/a.jpeg")
    assert found.classes == ("cat", "dog")
    assert rows(found.train) == [
        ("cat/a.jpeg", 0),
        ("cat/z.png", 0),
        ("dog/a.JPG", 1),
        ("dog/b.png", 1),
    ]
    assert found.test is None


def test_images_may_lie_deeper_in_their_class() -> None:
    found = layout("cat/indoors/1.png", "dog/2.png", "dog/a/b/c/3.png")
    assert [target for _, target in found.train] == [0, 1, 1]


def test_other_files_and_litter_are_passed_over() -> None:
    found = layout(
        "README.md", "cat/1.png", "cat/notes.txt", "cat/Thumbs.db", "dog/1.png", "dog/.2.png",
        "__MACOSX/cat/._1.png", ".git/x/1.png", "loose.png",
    )  # fmt: skip
    assert rows(found.train) == [("cat/1.png", 0), ("dog/1.png", 1)]


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_every_named_suffix_counts(suffix: str) -> None:
    assert len(layout(f"a/1{suffix}", f"b/1{suffix.upper()}").train) == 2


@pytest.mark.parametrize("wrap", ["flowers", "flowers/all", "a/b/c/d"])
def test_wrapping_folders_are_skipped(wrap: str) -> None:
    assert layout(f"{wrap}/rose/1.png", f"{wrap}/tulip/1.png").classes == ("rose", "tulip")


@pytest.mark.parametrize("wrap", ["", "data/"])
@pytest.mark.parametrize(
    ("train", "test"), [("train", "test"), ("Train", "TEST"), ("training", "val")]
)
def test_official_splits_are_kept(wrap: str, train: str, test: str) -> None:
    found = layout(
        f"{wrap}{train}/cat/1.png",
        f"{wrap}{train}/dog/1.png",
        f"{wrap}{test}/dog/2.png",
    )
    assert found.classes == ("cat", "dog")
    assert [target for _, target in found.train] == [0, 1]
    assert rows(found.test) == [(f"{wrap}{test}/dog/2.png", 1)]


def test_validation_joins_training_where_there_is_a_test_split() -> None:
    found = layout("train/a/1.png", "train/b/1.png", "val/a/2.png", "test/b/3.png")
    assert len(found.train) == 3
    assert rows(found.test) == [("test/b/3.png", 1)]


def test_classes_may_be_called_train_and_test() -> None:
    assert layout("train/1.png", "test/1.png").classes == ("test", "train")
    assert layout("train/1.png", "car/1.png").classes == ("car", "train")


def test_train_alone_is_a_wrapping_folder() -> None:
    found = layout("train/cat/1.png", "train/dog/1.png")
    assert (found.classes, found.test) == (("cat", "dog"), None)


@pytest.mark.parametrize("names", [(), ("cat/notes.txt",), ("cat/.hidden.png",)])
def test_no_images_is_told(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"pictures holds no images \(\.jpg.*data\.path"):
        layout(*names)


@pytest.mark.parametrize("names", [("cat/1.png",), ("x/cat/1.png", "x/cat/2.png")])
def test_one_class_is_told_by_name(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"only one class folder, 'cat', .*at least two"):
        layout(*names)


def test_images_without_class_folders_are_told() -> None:
    with pytest.raises(DataError, match="images in no folder where at least two class folders"):
        layout("1.png", "2.png")


def test_class_of_the_test_split_alone_is_told() -> None:
    with pytest.raises(DataError, match=r"test/eel/1\.png .* class 'eel', which has no training"):
        layout("train/cat/1.png", "train/dog/1.png", "test/eel/1.png")


def test_sample_goes_round_the_classes() -> None:
    found = layout("a/1.png", "a/2.png", "a/3.png", "b/1.png", "c/1.png", "c/2.png")
    assert rows(tuple(found.sample(5))) == [
        ("a/1.png", 0),
        ("b/1.png", 1),
        ("c/1.png", 2),
        ("a/2.png", 0),
        ("c/2.png", 2),
    ]
