"""`proxprop train` on a person's own data: what is found is said, what is in doubt refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from proxprop.cli import app
from proxprop.data.containers import Container, File
from proxprop.data.images import Decoded, decode_all
from proxprop.data.read import PICTURES
from proxprop.runs.store import Store
from tests.data.crafted import Files, bars, plain, write_folder

CLASSES: Files = {f"{name}/{i}.png": bars(i) for name in ("cat", "dog") for i in range(8)}
SHORT = ("--epochs", "1", "--batch-size", "4", "--set", "instruments.tier=off")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "1000")


def train(path: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["train", "--data-path", str(path), *SHORT, *options])


def test_classes_counts_and_what_was_left_out_are_said_before_training(tmp_path: Path) -> None:
    files = {f"train/{name}": content for name, content in CLASSES.items()}
    files |= {"test/1.png": bars(1), "train/cat/notes.txt": b"", "train/dog/flat.png": plain(1, 16)}
    result = train(write_folder(tmp_path / "photos", files))
    assert result.exit_code == 0, result.output
    said = result.output
    for words in (
        "17 images in 2 classes: cat 8, dog 9.",
        "Left out, as they are no images that can be read: 1 .txt.",
        "Left out, as it has no class folders: test (1 image).",
        "Of one colour only: 1 image, the first train/dog/flat.png.",
    ):
        assert words in said
        assert said.index(words) < said.index("accuracy")


def test_too_large_a_batch_is_refused_before_any_image_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(_: Container, files: list[File], *__: object, **___: object) -> Decoded:
        assert len(files) <= PICTURES, "all were decoded"  # a few show channels and size
        return decode_all(_, files, *__, **___)  # type: ignore[arg-type]

    monkeypatch.setattr("proxprop.data.read.decode_all", decode)
    files = {f"{name}/{i}.png": bars(i) for name in ("cat", "dog") for i in range(30)}
    result = train(write_folder(tmp_path / "photos", files), "--batch-size", "60")
    assert result.output == "batch_size: must be at most the 49 training samples, got 60\n"
    assert result.exit_code == 2
    assert Store().runs() == []


def test_a_layout_in_doubt_is_refused_until_the_setting_decides(tmp_path: Path) -> None:
    files = {f"{name}/{i}.png": bars(i) for name in ("train", "test") for i in range(8)}
    place = write_folder(tmp_path / "photos", files)
    result = train(place)
    assert result.exit_code == 1
    assert "is in doubt" in result.output
    assert "data.split (Top folders)" in result.output
    result = train(place, "--set", "data.split=classes")
    assert result.exit_code == 0, result.output
    assert "16 images in 2 classes: test 8, train 8." in result.output


def test_damaged_images_are_all_named_and_can_be_left_out(tmp_path: Path) -> None:
    damaged = {f"{name}/bad{i}.png": b"words" for name in ("cat", "dog") for i in range(2)}
    place = write_folder(tmp_path / "photos", CLASSES | damaged)
    result = train(place)
    assert result.exit_code == 1
    assert all(name in result.output for name in damaged)
    result = train(place, "--set", "data.damaged=skip")
    assert result.exit_code == 0, result.output
    assert all(name in result.output for name in damaged)


def test_a_table_trains_and_its_label_is_asked_for_where_in_doubt(tmp_path: Path) -> None:
    path = tmp_path / "measured.csv"
    path.write_text("a,b,c,d\n" + "".join(f"{i},{i * i},{i % 2},{i % 3}\n" for i in range(30)))
    result = train(path)
    assert result.exit_code == 1
    assert "Set data.label (Label column) to one of a, b, c, d" in result.output
    result = train(path, "--set", "data.label=c")
    assert result.exit_code == 0, result.output
    assert "30 rows in 2 classes: 0 15, 1 15." in result.output


def test_a_network_that_takes_no_such_samples_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "measured.csv"
    path.write_text("a,b,label\n" + "".join(f"{i},{i * i},{i % 2}\n" for i in range(30)))
    result = train(path, "--model", "small-convnet", "--widths", "8,16", "--batch-size", "100")
    assert result.exit_code == 2
    assert "model.name: model small-convnet needs images" in result.output
    assert "batch_size: must be at most the 24 training samples, got 100" in result.output
    assert "details are in" not in result.output
