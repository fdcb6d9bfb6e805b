from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import pytest

from proxprop.data.containers import File
from proxprop.data.errors import DataError
from proxprop.data.layout import IMAGE_SUFFIXES, Layout, SplitReading, find_layout

PLACE = Path("pictures")


def layout(*names: str, split: SplitReading = "auto") -> Layout:
    return find_layout([File(tuple(name.split("/")), 1) for name in names], PLACE, split)


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
    assert found.notes == (
        "Left out, as they are no images that can be read: 1 .md, 1 .txt.",
        "Left out, beside the class folders: loose.png.",
    )


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
    assert layout("train/1.png", "test/1.png", split="classes").classes == ("test", "train")
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


TRAIN = ("train/cat/1.png", "train/dog/1.png")
TEST = ("test/cat/2.png", "test/dog/2.png")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train_set", "test_set"),
        ("training_set", "test_set"),
        ("Training Data", "Testing Data"),
        ("trainset", "valset"),
        ("train2017", "val2017"),
        ("train", "test1"),
        ("train_images", "valid_images"),
        ("seg_train", "seg_test"),
        ("my-data.train", "my-data.validation"),
    ],
)
def test_the_usual_names_of_splits_are_known(train: str, test: str) -> None:
    found = layout(f"{train}/cat/1.png", f"{train}/dog/1.png", f"{test}/cat/2.png")
    assert found.classes == ("cat", "dog")
    assert rows(found.test) == [(f"{test}/cat/2.png", 0)]


@pytest.mark.parametrize(
    "name", ["train", "trained", "trainer", "tests_of_time", "contest", "vale"]
)
def test_names_that_only_begin_like_splits_are_classes(name: str) -> None:
    assert layout(f"{name}/1.png", "car/1.png").classes == tuple(sorted([name, "car"]))


@pytest.mark.parametrize(
    ("more", "note"),
    [
        (("test/1.png", "test/2.png"), "as it has no class folders: test (2 images)"),
        (("preview.png",), "beside the class folders: preview.png"),
        ((*TEST, "preview.png"), "beside the class folders: preview.png"),
        ((*TEST, "extra/cat/3.png", "extra/dog/3.png"), "not called train, val or test: extra"),
        ((*TEST, "unlabelled/3.png"), "not called train, val or test: unlabelled"),
        ((*TEST, "train/stray.png"), "in no class folder of train: train/stray.png"),
        ((*TEST, "test/stray.png"), "in no class folder of test: test/stray.png"),
        ((*TEST, "val/1.png"), "as it has no class folders: val (1 image)"),
        (("val/cat/1.png", "test/1.png"), "as it has no class folders: test (1 image)"),
        ((*TEST, "val/cat/1.png"), "validation samples are joined to those to train on"),
        (("val/cat/1.png",), "validation samples are used as the test split"),
    ],
)
def test_what_is_labelled_is_used_and_the_rest_is_said(more: tuple[str, ...], note: str) -> None:
    found = layout(*TRAIN, *more)
    assert found.classes == ("cat", "dog")
    assert len(found.notes) == (2 if more[0] == "val/cat/1.png" and len(more) == 2 else 1)
    assert any(note in said for said in found.notes)
    used = {file.name for file, _ in (*found.train, *(found.test or ()))}
    assert used >= {*TRAIN}
    left_out = {*TRAIN, *more} - used
    assert all(any(name.split("/")[0] in said for said in found.notes) for name in left_out)


def test_splits_wrapped_in_their_own_name_are_unwrapped() -> None:
    found = layout(
        "seg_train/seg_train/sea/1.png", "seg_train/seg_train/ice/1.png",
        "seg_test/seg_test/sea/2.png", "seg_pred/seg_pred/3.png",
    )  # fmt: skip
    assert found.classes == ("ice", "sea")
    assert rows(found.test) == [("seg_test/seg_test/sea/2.png", 1)]
    assert any("seg_pred" in note for note in found.notes)


def test_a_test_split_beside_the_classes_is_used() -> None:
    found = layout("cat/1.png", "dog/1.png", "test/cat/2.png", "test/dog/2.png")
    assert found.classes == ("cat", "dog")
    assert len(found.test or ()) == 2


def test_a_picture_beside_a_wrapping_folder_is_left_out_and_said() -> None:
    found = layout("photos/cat/1.png", "photos/dog/1.png", "preview.png", "photos/me.png")
    assert found.classes == ("cat", "dog")
    assert "preview.png" in found.notes[0]
    assert "photos/me.png" in found.notes[1]


@pytest.mark.parametrize(
    "names",
    [
        ("train/1.png", "test/1.png"),  # Kaggle's cats and dogs
        ("train1/1.png", "train2/1.png"),
        ("train/1.png", "test/cat/1.png", "test/dog/1.png"),
        ("val/cat/1.png", "val/dog/1.png", "test/cat/1.png", "test/dog/1.png"),
        ("cat/1.png", "dog/1.png", "test/1.png"),
        ("valid/1.png", "invalid/1.png"),
        ("train/cat/1.png", "train/dog/1.png", "extra/cat/1.png", "extra/dog/1.png"),
        ("train/steam/1.png", "train/diesel/1.png", "car/1.png"),
        ("cat/train/1.png", "cat/test/2.png", "dog/train/1.png", "dog/test/2.png"),
    ],
)
def test_a_layout_in_doubt_is_refused_until_it_is_decided(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"pictures is in doubt: .*data\.split \(Top folders\)"):
        layout(*names)
    tops = {name.split("/")[0] for name in names}
    assert layout(*names, split="classes").classes == tuple(sorted(tops))


def test_folders_can_be_declared_splits() -> None:
    names = ("train/cat/1.png", "train/dog/1.png", "extra/cat/1.png")
    found = layout(*names, split="folders")
    assert (found.classes, found.test) == (("cat", "dog"), None)
    found = layout("cat/1.png", "dog/1.png", "test/1.png", split="folders")
    assert found.classes == ("cat", "dog")
    assert "no class folders: test" in found.notes[0]
    with pytest.raises(DataError, match="no top folder called train, val or test, but cat, dog"):
        layout("cat/1.png", "dog/1.png", split="folders")


def test_files_left_out_are_counted_by_their_suffix_and_empty_folders_named() -> None:
    found = layout(
        "cat/1.png", "cat/notes.txt", "dog/1.png", "bird/1.heic", "bird/2.HEIC", "README", "a.txt",
    )  # fmt: skip
    assert found.classes == ("cat", "dog")
    (note,) = found.notes
    assert "2 .txt, 2 .heic, 1 no suffix" in note
    assert "no image is in bird" in note


def test_names_are_compared_in_one_form_of_unicode() -> None:
    composed, decomposed = (normalize(form, "Äpfel") for form in ("NFC", "NFD"))
    found = layout(
        f"train/{composed}/1.png", f"train/{decomposed}/2.png", "train/Birnen/1.png",
        f"test/{decomposed}/3.png",
    )  # fmt: skip
    assert found.classes == ("Birnen", composed)
    assert dict(rows(found.train)) == {
        f"train/{composed}/1.png": 1,
        f"train/{decomposed}/2.png": 1,
        "train/Birnen/1.png": 0,
    }
    assert rows(found.test) == [(f"test/{decomposed}/3.png", 1)]


def test_sample_goes_round_the_classes() -> None:
    found = layout("a/1.png", "a/2.png", "a/3.png", "b/1.png", "c/1.png", "c/2.png")
    assert rows(tuple(found.sample(5))) == [
        ("a/1.png", 0),
        ("b/1.png", 1),
        ("c/1.png", 2),
        ("a/2.png", 0),
        ("c/2.png", 2),
    ]
