"""Tables that list image files: read like folders of classes, refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from proxprop.data.dataset import Dataset, load
from proxprop.data.errors import DataError
from proxprop.data.preview import contents, dataset_shape
from proxprop.data.source import quiet
from proxprop.spec.config import DataConfig
from tests.data.crafted import plain, two_classes, write_folder

FLAT = {name.replace("/", "_"): content for name, content in two_classes().items()}  # cat_00.png …


def table(folder: Path, *lines: str, header: str = "image,label") -> Path:
    write_folder(folder, {f"pictures/{name}": content for name, content in FLAT.items()})
    path = folder / "labels.csv"
    path.write_text("\n".join([header, *lines]))
    return path


ROWS = [f"pictures/{name},{name[:3]}" for name in FLAT]


def loaded(path: Path, **options: object) -> Dataset:
    return load(DataConfig(name="folder", path=str(path), **options), progress=quiet)


@pytest.mark.parametrize(
    ("header", "write"),
    [
        ("image,label", lambda name, kind: f"pictures/{name},{kind}"),
        ("label;file", lambda name, kind: f"{kind};pictures\\{name}"),
        ("id,path,species", lambda name, kind: f"7,./pictures/{name},{kind}"),
        ("filename,target", lambda name, kind: f"pictures/{name},{int(kind == 'dog')}"),
    ],
)
def test_listed_images_are_read_with_their_classes(
    tmp_path: Path, header: str, write: object
) -> None:
    lines = [write(name, name[:3]) for name in FLAT]  # type: ignore[operator]
    path = table(tmp_path, *lines, header=header)
    asked = {"label": "species"} if "species" in header else {}
    data = loaded(path, **asked)
    assert data.classes in (("cat", "dog"), ("0", "1"))
    assert sum(map(len, (data.train, data.validation, data.test))) == 12
    for part in (data.train, data.validation, data.test):
        assert torch.equal(part.targets, (part.inputs[:, 0, 0, 0] >= 200).long())
    found = DataConfig(name="folder", path=str(path), **asked)
    assert dataset_shape(found).shape == (1, 4, 4)
    assert contents(found)[0].startswith("12 images in 2 classes")


def test_a_split_column_is_kept(tmp_path: Path) -> None:
    words = ["train", "Test", "train", "val", "train", "train"] * 2
    lines = [f"{row},{word}" for row, word in zip(ROWS, words)]
    data = loaded(table(tmp_path, *lines, header="image,label,split"))
    assert (len(data.train) + len(data.validation), len(data.test)) == (10, 2)
    with pytest.raises(DataError, match="a split called 'later'"):
        loaded(table(tmp_path, *lines[:-1], f"{ROWS[-1]},later", header="image,label,split"))


def test_files_that_are_not_there_are_named_or_left_out(tmp_path: Path) -> None:
    path = table(tmp_path, *ROWS, "pictures/cat_77.png,cat")
    with pytest.raises(DataError, match=r"1 of 13 images .* are not there: pictures/cat_77\.png"):
        loaded(path)
    data = loaded(path, damaged="skip")
    assert sum(map(len, (data.train, data.validation, data.test))) == 12
    assert any("cat_77.png" in note for note in data.notes)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/secret.png", "C:\\secret.png"])
def test_no_name_leads_out_of_the_tables_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.png").write_bytes(plain(1))
    with pytest.raises(DataError, match="outside its folder"):
        loaded(table(tmp_path / "data", *ROWS, f"{name},cat"))


def test_an_image_of_two_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="more than once"):
        loaded(table(tmp_path, *ROWS, f"{ROWS[0][:-3]}dog"))


def test_a_column_of_classes_in_doubt_is_asked_for(tmp_path: Path) -> None:
    lines = [f"{row},{row[-3:]}" for row in ROWS]
    with pytest.raises(DataError, match=r"Set data\.label .* to one of"):
        loaded(table(tmp_path, *lines, header="image,kind,species"))


def test_a_changed_image_is_read_anew(tmp_path: Path) -> None:
    path = table(tmp_path, *ROWS)
    before = loaded(path, validation=0.0)
    write_folder(tmp_path, {"pictures/dog_00.png": plain(255)})
    after = loaded(path, validation=0.0)
    assert not torch.equal(before.train.inputs, after.train.inputs) or not torch.equal(
        before.test.inputs, after.test.inputs
    )
