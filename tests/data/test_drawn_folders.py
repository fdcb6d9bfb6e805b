"""Image folders drawn at random: read with every image accounted for, or refused in words."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from proxprop.data.dataset import load
from proxprop.data.errors import DataError
from proxprop.data.layout import IMAGE_SUFFIXES
from proxprop.data.preview import contents, dataset_shape
from proxprop.data.source import quiet
from proxprop.spec.config import DataConfig

from .crafted import bars, write_folder, write_zip

NAMES = ["cat", "dog", "Äpfel", "A\u0308pfel", "x", "images", "a b", ".hidden", "__MACOSX"]
SPLITS = ["train", "test", "val", "Training", "test_set", "validation", "seg_train", "extra"]
FILES = ["1.png", "2.PNG", "3.png", "notes.txt", "bad.png", "list", "p.svg"]
folders = st.lists(st.sampled_from([*NAMES, *SPLITS]), max_size=3).map("/".join)
paths = st.tuples(folders, st.sampled_from(FILES)).map(lambda parts: "/".join(parts).lstrip("/"))

# Something sound to start with, most of the time.
LAYOUTS = [(), ("",), ("all/",), ("train/",), ("train/", "test/"), ("training_set/", "val/"),
           ("train/", "val/", "test/"), ("seg_train/seg_train/", "seg_test/seg_test/"),
           ("", "test/")]  # fmt: skip
sound = st.sampled_from(LAYOUTS).map(
    lambda tops: {f"{top}{c}/{i}.png" for top in tops for c in ("cat", "dog") for i in range(4)}
)


def usable(name: str) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
    return name.lower().endswith(IMAGE_SUFFIXES) and not hidden


@pytest.mark.usefixtures("home")
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.tuples(sound, st.sets(paths, min_size=1, max_size=8)).map(lambda s: s[0] | s[1]),
    split=st.sampled_from(["auto", "auto", "folders", "classes"]),
    damaged=st.sampled_from(["refuse", "skip"]),
    archive=st.booleans(),
)
@example(
    names={f"train/{c}/{i}.png" for c in ("cat", "dog") for i in range(4)} | {"Training/1.png"},
    split="auto",
    damaged="refuse",
    archive=False,
)  # two folders of one role, and one of them without classes
def test_every_image_is_used_or_said_to_be_left_out(
    names: set[str], split: str, damaged: str, archive: bool
) -> None:
    files = {
        name: b"words" if name.endswith("bad.png") else bars(index)
        for index, name in enumerate(sorted(names))
    }
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "data")
        write_zip(place, files) if archive else write_folder(place, files)
        config = DataConfig(
            name="folder", path=str(place), split=split, damaged=damaged, validation=0.2
        )
        refusal, data = "", None
        try:
            data = load(config, progress=quiet)
        except DataError as error:
            refusal = str(error)
        event("refused" if refusal else "loaded")
        if data is None:
            assert str(place) in refusal or "leave none to train on" in refusal
            return
        used = sum(map(len, (data.train, data.validation, data.test)))
        images = sum(map(usable, names))
        assert used <= images
        if used < images:
            assert any(note.startswith("Left out") for note in data.notes)
        if not any(note.startswith("Left out") for note in data.notes):
            assert used == len([name for name in names if usable(name)])
        assert len(data.train.targets.unique()) == min(len(data.classes), len(data.train))
        assert contents(config)[0].startswith(f"{used:,} image")
        assert dataset_shape(config) == (data.shape, data.classes, len(data.train))
