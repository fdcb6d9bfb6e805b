"""A person's own data in the form: what was found, what is in doubt, and files that are sent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.components.notation import as_written
from app.forms.settings import SETTINGS
from proxprop.data import images, layout, tables
from proxprop.runs.store import Store
from tests.app.conftest import open_page, query, table, text, unfold
from tests.data.crafted import Files, bars, write_folder, write_zip

CLASSES: Files = {f"{name}/{i}.png": bars(i) for name in ("cat", "*dog*") for i in range(100)}


def train(place: Path, **options: str) -> AppTest:
    link = {"data.name": "folder", "data.path": str(place), **options}
    return unfold(open_page("train", **link), "data")


def words(at: AppTest) -> str:
    return re.sub(r"\\(?=[!-/:-@\[-`{-~])", "", text(at))


def test_classes_counts_and_what_was_left_out_are_shown(store: Store, tmp_path: Path) -> None:
    files = {f"train/{name}": content for name, content in CLASSES.items()}
    at = train(write_folder(tmp_path / "own", files | {"test/1.png": bars(1), "a.txt": b""}))
    assert "200 images in 2 classes: *dog* 100, cat 100." in words(at)
    assert "Left out, as it has no class folders: test (1 image)." in words(at)
    assert "1 .txt" in words(at)
    assert r"\*dog\* 100" in text(at)  # not in italics
    assert not at.button(key="start").disabled
    closed = open_page("train", **query(at))
    assert "200 images in 2 classes: *dog* 100, cat 100." in words(closed)


def test_a_layout_in_doubt_is_decided_in_the_form(store: Store, tmp_path: Path) -> None:
    files = {f"{name}/{i}.png": bars(i) for name in ("train", "test") for i in range(100)}
    at = train(write_folder(tmp_path / "own", files))
    assert "is in doubt" in words(at)
    assert "(Top folders)" in words(at)
    assert at.button(key="start").disabled
    at.selectbox(key="choice.data.split").set_value("classes").run()
    assert "200 images in 2 classes: test 100, train 100." in words(at)
    assert query(at)["data.split"] == "classes"
    assert not at.button(key="start").disabled


def test_a_table_shows_its_own_settings(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("a,b,c\n" + "".join(f"{i},{i % 2},{i % 3}\n" for i in range(300)))
    at = train(path)
    assert "(Label column)" in words(at)
    at.text_input(key="text.data.label").input("c").run()
    assert "300 rows in 3 classes: 0 100, 1 100, 2 100." in words(at)
    assert query(at)["data.label"] == "c"
    assert table(at, "Layers of the network")["output"][-1] == "3"
    with pytest.raises(KeyError):
        at.selectbox(key="choice.data.split")


def test_a_file_that_is_sent_becomes_the_path(store: Store, tmp_path: Path) -> None:
    content = write_zip(tmp_path / "pets.zip", CLASSES).read_bytes()
    at = train(tmp_path / "nowhere")
    uploader = at.file_uploader[0]
    assert "at most 50 MB" in uploader.help
    uploader.upload("pets.zip", content).run()
    kept = Path(query(at)["data.path"])
    assert kept.read_bytes() == content
    assert kept.is_relative_to(tmp_path / "uploads")
    assert at.text_input(key="text.data.path").value == str(kept)
    assert "200 images in 2 classes" in words(at)
    at.file_uploader[0].upload("pets.zip", b"words").run()
    assert "neither a folder nor a .zip or .tar archive" in words(at)
    assert query(at)["data.path"] == str(kept)


def test_messages_name_settings_as_the_page_does() -> None:
    sources = "".join(Path(str(module.__file__)).read_text() for module in (images, layout, tables))
    named = re.findall(r"(data\.\w+)\s+\(([A-Z][\w ]+)\)", re.sub(r'"\s+f?"', "", sources))
    assert {setting for setting, _ in named} == {
        "data.split", "data.damaged", "data.label", "data.image_size", "data.standardize",
    }  # fmt: skip
    for setting, label in named:
        assert SETTINGS[setting].label.startswith(label)


def test_names_are_shown_as_written() -> None:
    assert as_written("a_b *c* $d$ :e: 1.5") == r"a_b \*c\* \$d\$ \:e: 1.5"
