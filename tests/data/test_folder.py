from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from proxprop.data import containers
from proxprop.data.dataset import load
from proxprop.data.errors import DataError
from proxprop.spec.config import DataConfig

from .crafted import plain, two_classes, write_folder, write_tar, write_zip


def config(path: Path, **options: object) -> DataConfig:
    return DataConfig(name="folder", path=str(path), **options)


@pytest.mark.parametrize("writer", [write_folder, write_zip, write_tar])
def test_every_image_keeps_its_class(tmp_path: Path, writer: object) -> None:
    suffix = {write_folder: "", write_zip: ".zip", write_tar: ".tar.xz"}[writer]
    place = writer(tmp_path / f"data{suffix}", two_classes(per_class=20))
    data = load(config(place))
    assert (data.shape, data.classes) == ((1, 4, 4), ("cat", "dog"))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [32, 4, 4]
    levels = []
    for part in (data.train, data.validation, data.test):
        assert torch.equal(part.targets, (part.inputs[:, 0, 0, 0] >= 200).long())
        levels += part.inputs[:, 0, 0, 0].tolist()
    assert sorted(levels) == [*range(10, 30), *range(200, 220)]


def test_folder_and_archives_give_the_same_samples_in_any_order(tmp_path: Path) -> None:
    files = two_classes(per_class=10)
    shuffled = dict(reversed(files.items()))
    places = [
        write_folder(tmp_path / "a", files),
        write_zip(tmp_path / "a.zip", shuffled),
        write_tar(tmp_path / "a.tar", shuffled),
    ]
    first, *others = (load(config(place)) for place in places)
    for other in others:
        assert torch.equal(first.train.inputs, other.train.inputs)
        assert torch.equal(first.train.targets, other.train.targets)


def test_official_test_split_is_used_as_it_is(tmp_path: Path) -> None:
    files = {f"train/{n}": c for n, c in two_classes(per_class=20).items()}
    files |= {"test/cat/x.png": plain(99), "test/dog/y.png": plain(101)}
    data = load(config(write_zip(tmp_path / "a.zip", files), samples=30))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [27, 3, 2]
    assert data.test.inputs[:, 0, 0, 0].tolist() == [99, 101]
    assert data.test.targets.tolist() == [0, 1]


def test_one_coloured_image_makes_all_of_them_coloured(tmp_path: Path) -> None:
    files = two_classes() | {"dog/99.png": plain(77, colour=True)}
    data = load(config(write_zip(tmp_path / "a.zip", files), validation=0))
    assert data.shape == (3, 4, 4)
    everything = torch.cat([data.train.inputs, data.test.inputs])[:, :, 0, 0]
    grey = everything[(everything == everything[:, :1]).all(1)]
    assert sorted(grey[:, 0].tolist()) == [*range(10, 16), *range(200, 206)]
    assert [77, 0, 178] in everything.tolist()


def test_different_shapes_are_told_with_the_remedy(tmp_path: Path) -> None:
    files = two_classes() | {"dog/99.png": plain(77, size=9)}
    place = write_zip(tmp_path / "a.zip", files)
    with pytest.raises(
        DataError,
        match=r"dog/99\.png is 9 × 9 pixels, but cat/00\.png is 4 × 4; set data\.image_size",
    ):
        load(config(place))
    assert load(config(place, image_size=6)).shape == (1, 6, 6)


def test_unreadable_image_is_told_by_name_and_place(tmp_path: Path) -> None:
    place = write_folder(tmp_path / "data", two_classes() | {"dog/bad.png": b"words"})
    with pytest.raises(DataError, match=rf"dog/bad\.png in {place} is no readable image"):
        load(config(place))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "holds no images"),
        ({"cat/1.png": plain(1)}, "only one class folder, 'cat'"),
        ({"1.png": plain(1)}, "images in no folder"),
    ],
)
def test_unusable_folders_are_told(tmp_path: Path, files: dict[str, bytes], words: str) -> None:
    place = write_folder(tmp_path / "data", files)
    place.mkdir(exist_ok=True)
    with pytest.raises(DataError, match=words):
        load(config(place))


def test_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere does not exist; check data\.path"):
        load(config(tmp_path / "nowhere"))


def test_too_few_images_for_a_split_are_told(tmp_path: Path) -> None:
    files = {"cat/1.png": plain(1), "dog/1.png": plain(2)}
    place = write_folder(tmp_path / "data", files)
    with pytest.raises(DataError, match="leave none to train on"):
        load(config(place, validation=0.9))


def test_more_memory_than_allowed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxprop.data.images.MAX_DECODED_BYTES", 100)
    with pytest.raises(DataError, match=r"12 images of .* smaller data\.image_size"):
        load(config(write_folder(tmp_path / "data", two_classes())))
    assert load(config(tmp_path / "data", image_size=2)).shape == (1, 2, 2)


def test_progress_names_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxprop.data.images.REPORT_EVERY", -1.0)
    told: list[tuple[str, float | None]] = []
    load(
        config(write_zip(tmp_path / "pets.zip", two_classes())),
        progress=lambda words, fraction: told.append((words, fraction)),
    )
    assert told[0] == ("Listing pets.zip", None)
    assert told[-1] == ("Decoding 12 of 12 images", 1.0)
    fractions = [fraction for _, fraction in told[1:]]
    assert fractions == sorted(fractions)


def test_hostile_archive_is_refused_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxprop.data.images.decode_image", lambda *_: pytest.fail("decoded"))
    place = write_tar(tmp_path / "a.tar", {**two_classes(), "zebra/../../1.png": plain(1)})
    with pytest.raises(DataError, match="points outside"):
        load(config(place))


def test_limits_are_the_documented_ones() -> None:
    assert containers.MAX_FILE_BYTES == 64 * 2**20
    assert containers.MAX_UNPACKED_BYTES == 16 * 2**30
    assert containers.MAX_RATIO == 200


def test_class_names_may_be_any_text(tmp_path: Path) -> None:
    names = ("Äpfel & Birnen", "猫", "<b>x", "a" * 200)
    files = {f"{name}/{i}.png": plain(i) for name in names for i in range(3)}
    for _ in range(2):  # the second time from the cache
        data = load(config(write_tar(tmp_path / "a.tar", files)))
        assert data.classes == tuple(sorted(names))
    assert np.isin(data.train.targets.numpy(), range(4)).all()
