from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from proxprop.data.dataset import load
from proxprop.data.errors import DataError
from proxprop.data.preview import dataset_shape, preview
from proxprop.spec.catalog.data import DATA
from proxprop.spec.config import DataConfig

from .crafted import plain, two_classes, write_folder, write_zip


@pytest.mark.parametrize("name", ["digits", "spirals", "moons", "circles"])
@pytest.mark.parametrize("samples", [None, 50])
def test_outline_agrees_with_what_is_loaded(name: str, samples: int | None) -> None:
    config = DataConfig(name=name, samples=samples)
    data = load(config)
    assert dataset_shape(config) == (data.shape, data.classes, len(data.train))


@pytest.mark.parametrize("official", [False, True])
@pytest.mark.parametrize("options", [{}, {"samples": 20}, {"image_size": 3, "validation": 0.3}])
def test_outline_of_a_folder_agrees_with_what_is_loaded(
    tmp_path: Path, official: bool, options: dict[str, float]
) -> None:
    files = two_classes(per_class=30) | {"dog/99.png": plain(9, colour=True)}
    if official:
        files = {f"train/{n}": c for n, c in files.items()} | {"test/cat/1.png": plain(1)}
    path = str(write_zip(tmp_path / "a.zip", files))
    config = DataConfig(name="folder", path=path, **options)
    before = dataset_shape(config)
    data = load(config)
    assert dataset_shape(config) == (data.shape, data.classes, len(data.train))
    assert before.classes == data.classes
    assert before.train_size == len(data.train)
    assert before.shape[1:] == data.shape[1:]


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_downloads_are_outlined_without_a_download(name: str) -> None:
    spec = DATA[name]
    config = DataConfig(name=name, validation=0.2)
    assert dataset_shape(config) == (spec.shape, spec.classes, round(0.8 * (spec.train_size or 0)))
    assert preview(config, 10) is None


def test_digits_are_shown_one_of_each_in_turn() -> None:
    pictures = preview(DataConfig(), 20)
    assert pictures is not None
    assert [label for label, _ in pictures] == [*"0123456789", *"0123456789"]
    assert all(p.shape == (8, 8) and p.dtype == np.uint8 and p.max() > 200 for _, p in pictures)


def test_points_have_no_pictures() -> None:
    assert preview(DataConfig(name="moons"), 5) is None


@pytest.mark.parametrize("loaded", [False, True])
def test_folder_pictures_are_the_files(tmp_path: Path, loaded: bool) -> None:
    place = write_folder(tmp_path / "data", two_classes(per_class=3, colour=True))
    config = DataConfig(name="folder", path=str(place))
    if loaded:
        load(config)
    pictures = preview(config, 4)
    assert pictures is not None
    assert [label for label, _ in pictures] == ["cat", "dog", "cat", "dog"]
    assert all(picture.shape == (4, 4, 3) for _, picture in pictures)
    assert [picture[0, 0].tolist() for _, picture in pictures] == [
        [level, 0, 255 - level] for level in (10, 200, 11, 201)
    ]


def test_changed_folder_is_looked_at_again(tmp_path: Path) -> None:
    place = write_folder(tmp_path / "data", two_classes(per_class=10))
    config = DataConfig(name="folder", path=str(place), validation=0)
    assert dataset_shape(config).train_size == 18
    write_folder(place, {f"cow/{i}.png": plain(i) for i in range(10)})
    assert dataset_shape(config) == ((1, 4, 4), ("cat", "cow", "dog"), 27)


def test_unusable_folder_is_told(tmp_path: Path) -> None:
    config = DataConfig(name="folder", path=str(tmp_path / "nowhere"))
    for ask in (dataset_shape, lambda config: preview(config, 5)):
        with pytest.raises(DataError, match="does not exist"):
            ask(config)


def test_damaged_sketch_is_made_again(tmp_path: Path, home: Path) -> None:
    config = DataConfig(name="folder", path=str(write_folder(tmp_path / "data", two_classes())))
    expected = dataset_shape(config)
    (sketch,) = (home / "cache").glob("sketch-*.npz")
    sketch.write_bytes(b"damaged")
    assert dataset_shape(config) == expected


def test_preview_does_without_torch(tmp_path: Path) -> None:
    place = write_zip(tmp_path / "a.zip", two_classes())
    script = (
        "import sys\n"
        "from proxprop.spec.config import DataConfig\n"
        "from proxprop.data.preview import dataset_shape, preview\n"
        f"for config in (DataConfig(), DataConfig(name='folder', path={str(place)!r}),\n"
        "               DataConfig(name='cifar10'), DataConfig(name='moons')):\n"
        "    dataset_shape(config), preview(config, 5)\n"
        "heavy = {'torch', 'torchvision', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
