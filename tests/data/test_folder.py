from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from proxprop.data import containers
from proxprop.data.dataset import load
from proxprop.data.errors import DataError, DataWarning
from proxprop.data.preview import contents
from proxprop.data.source import quiet
from proxprop.spec.config import DataConfig

from .crafted import (
    bars,
    image,
    plain,
    sixteen_bit_colours,
    two_classes,
    write_folder,
    write_tar,
    write_zip,
)


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
    with pytest.raises(DataError, match=rf"of {place} .*dog/bad\.png is no readable image"):
        load(config(place))


def damaged(count: int) -> dict[str, bytes]:
    """Return six images of two classes, with `count` truncated ones more of each."""
    broken = image(np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8), "JPEG")[:300]
    return two_classes() | {f"{c}/bad{i}.jpg": broken for c in ("cat", "dog") for i in range(count)}


@pytest.mark.parametrize("writer", [write_folder, write_zip])
def test_all_damaged_images_are_listed_and_can_be_left_out(tmp_path: Path, writer: object) -> None:
    place = writer(tmp_path / "data", damaged(3))
    with pytest.raises(
        DataError, match=r"6 of 18 images of .*data\.damaged .* to 'skip'"
    ) as caught:
        load(config(place))
    names = [f"{name}/bad{i}.jpg" for name in ("cat", "dog") for i in range(3)]
    assert all(name in str(caught.value) for name in names)
    data = load(config(place, damaged="skip"), progress=quiet)
    assert sum(map(len, (data.train, data.validation, data.test))) == 12
    (note,) = (note for note in data.notes if "damaged" in note)
    assert all(name in note for name in names)
    for part in (data.train, data.validation, data.test):
        assert torch.equal(part.targets, (part.inputs[:, 0, 0, 0] >= 200).long())


def test_a_broken_member_of_a_zip_is_named_and_can_be_left_out(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", two_classes())
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("dog/03.png")
    content = bytearray(path.read_bytes())
    content[member.header_offset + 30 + len(member.filename) + 20] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"1 of 12 images of .*: dog/03\.png in .* is damaged"):
        load(config(path))
    data = load(config(path, damaged="skip"), progress=quiet)
    assert sum(map(len, (data.train, data.validation, data.test))) == 11
    assert any("dog/03.png" in note for note in data.notes)


def test_damaged_images_of_a_test_split_are_left_out_of_it(tmp_path: Path) -> None:
    files = {f"train/{name}": content for name, content in two_classes().items()}
    files |= {f"test/{name}": content for name, content in damaged(1).items()}
    data = load(config(write_zip(tmp_path / "a.zip", files), damaged="skip"), progress=quiet)
    assert (len(data.train) + len(data.validation), len(data.test)) == (12, 12)
    assert torch.equal(data.test.targets, (data.test.inputs[:, 0, 0, 0] >= 200).long())


def test_nothing_left_of_a_class_is_refused(tmp_path: Path) -> None:
    files = two_classes() | {"eel/1.png": b"words"}
    place = write_folder(tmp_path / "data", files)
    with pytest.raises(DataError, match="no readable image of class 'eel'"):
        load(config(place, damaged="skip"))
    place = write_folder(tmp_path / "all", dict.fromkeys(files, b"words"))
    with pytest.raises(DataError, match=r"13 of 13 images of .* cannot be used"):
        load(config(place, damaged="skip"))


def test_images_of_one_colour_are_remarked(tmp_path: Path) -> None:
    drawn = {name: bars(index) for index, name in enumerate(two_classes())}
    place = write_folder(tmp_path / "data", {**drawn, "cat/00.png": plain(7, size=16)})
    with pytest.warns(DataWarning, match=r"^Of one colour only: 1 image, the first cat/00\.png\.$"):
        load(config(place))


def test_deep_images_are_scaled_together_and_with_their_channels(tmp_path: Path) -> None:
    files = {name: plain(50, size=16) for name in two_classes()}
    deep = np.full((16, 16), 1000, np.uint16)
    deep[:8] = 4095
    files |= {"cat/deep.png": image(deep), "dog/deep.png": image(deep // 4)}
    files["dog/colour.png"] = plain(9, size=16, colour=True)
    data = load(config(write_folder(tmp_path / "data", files), validation=0), progress=quiet)
    everything = torch.cat([data.train.inputs, data.test.inputs])
    levels = {tuple(map(int, shown.unique())) for shown in everything}
    assert levels == {(50,), (0, 9, 246), (62, 255), (16, 64)}
    assert "More than 8 bits a pixel in 2 images: 0…4095 is scaled to 0…255." in data.notes


def test_deep_colours_that_would_lose_their_levels_are_refused(tmp_path: Path) -> None:
    for level, words in ((4095, "save them with 8 bits"), (65535, None)):
        names = [f"{c}/{i}.png" for c in ("a", "b") for i in range(3)]
        place = write_folder(
            tmp_path / str(level), dict.fromkeys(names, sixteen_bit_colours(level))
        )
        if words:
            with pytest.raises(DataError, match=words):
                load(config(place))
        else:
            assert (load(config(place), progress=quiet).train.inputs == 255).all()


def test_an_image_flattened_by_the_range_of_others_is_remarked(tmp_path: Path) -> None:
    files = {name: bars(index) for index, name in enumerate(two_classes())}
    for name, top in (("cat/dim.tif", 0.5), ("dog/bright.tif", 5000.0)):
        values = np.zeros((16, 16), np.float32)
        values[:4] = top
        files[name] = image(values, "TIFF")
    with pytest.warns(DataWarning, match=r"Of one colour only: 1 image, the first cat/dim\.tif"):
        load(config(write_folder(tmp_path / "data", files)))


@pytest.mark.parametrize("suffix", ["gif", "jfif", "avif", "webp", "jp2", "tga", "qoi"])
def test_images_of_every_kind_that_can_be_read_are(tmp_path: Path, suffix: str) -> None:
    kind = {"jfif": "JPEG", "jp2": "JPEG2000"}.get(suffix, suffix.upper())
    colour = np.zeros((16, 16, 3), np.uint8)
    colour[:8] = 200
    files = two_classes(size=16) | {f"bird/{i}.{suffix}": image(colour, kind) for i in range(6)}
    data = load(config(write_folder(tmp_path / "data", files)), progress=quiet)
    assert data.classes == ("bird", "cat", "dog")
    assert not any("Left out" in note for note in data.notes)


def test_what_a_folder_holds_is_said_before_training(tmp_path: Path) -> None:
    files = {f"train/{name}": content for name, content in two_classes().items()}
    files |= {"test/1.png": plain(1), "train/cat/notes.txt": b"words"}
    said: list[str] = []
    where = config(write_folder(tmp_path / "data", files))
    data = load(where, progress=lambda message, _: said.append(message))
    assert "12 images in 2 classes: cat 6, dog 6." in said
    assert {*data.notes} < {*said}
    assert any("1 .txt" in note for note in data.notes)
    assert any("test (1 image)" in note for note in data.notes)
    again: list[str] = []  # from the cache
    load(where, progress=lambda message, _: again.append(message))
    assert again == said[-len(again) :]
    assert contents(where) == tuple(again)


def test_split_folders_in_doubt_are_decided_by_the_setting(tmp_path: Path) -> None:
    files = {f"{top}/{i}.png": plain(i) for top in ("train", "test") for i in range(6)}
    place = write_folder(tmp_path / "data", files)
    with pytest.raises(DataError, match="is in doubt"):
        load(config(place))
    assert load(config(place, split="classes"), progress=quiet).classes == ("test", "train")


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
    assert told[12:14] == [
        ("Decoding 12 of 12 images", 1.0),
        ("12 images in 2 classes: cat 6, dog 6.", None),
    ]
    fractions = [fraction for _, fraction in told[1:13]]
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
