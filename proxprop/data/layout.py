"""Which files of a container are images of which class, and whether the data bring a test split.

The layout is torchvision's ImageFolder: one folder a class, images anywhere below it. Folders that
wrap everything are skipped. Where the top level is made of train/ and test/ (or val/) only, these
are the official splits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from proxprop.data.containers import File
from proxprop.data.errors import DataError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
_TRAIN = ("train", "training")
_VALIDATION = ("val", "valid", "validation")
_TEST = ("test", "testing")
# What operating systems leave behind besides hidden files.
_LITTER = ("__MACOSX", "@eaDir")


@dataclass(frozen=True)
class Layout:
    """Images by class; positions in `classes` are the targets.

    Attributes:
        classes: Class names, sorted.
        train: Files with their class, sorted by path.
        test: Those of the official test split; None if there is none.
    """

    classes: tuple[str, ...]
    train: tuple[tuple[File, int], ...]
    test: tuple[tuple[File, int], ...] | None = None

    def sample(self, count: int) -> list[tuple[File, int]]:
        """Return the first `count` training files, going round the classes."""
        by_class: list[list[tuple[File, int]]] = [[] for _ in self.classes]
        for file, target in self.train:
            if len(by_class[target]) < count:
                by_class[target].append((file, target))
        rounds = chain.from_iterable(zip_longest(*by_class))
        return [found for found in rounds if found is not None][:count]


def find_layout(files: Iterable[File], place: Path) -> Layout:
    """Return the layout of `files`, found in `place`.

    Raises:
        DataError: If there are no images, no class folders, fewer than two classes, or a class
            that only the test split has.
    """
    images = sorted((file, file.parts) for file in files if _is_image(file))
    if not images:
        kinds = ", ".join(IMAGE_SUFFIXES)
        raise DataError(f"{place} holds no images ({kinds}); check data.path")
    images = _unwrap(images)
    splits = _official_splits(images)
    train_images, test_images = splits if splits else (images, None)
    classes = tuple(sorted({parts[0] for _, parts in train_images if len(parts) > 1}))
    if len(classes) < 2:
        found = f"only one class folder, {classes[0]!r}," if classes else "images in no folder"
        raise DataError(
            f"{place} has {found} where at least two class folders are needed: one folder a "
            "class, named after it, with its images inside"
        )
    return Layout(
        classes,
        _labelled(train_images, classes, place),
        None if test_images is None else _labelled(test_images, classes, place),
    )


_Images = list[tuple[File, tuple[str, ...]]]


def _is_image(file: File) -> bool:
    litter = any(part.startswith(".") or part in _LITTER for part in file.parts)
    return not litter and file.parts[-1].lower().endswith(IMAGE_SUFFIXES)


def _unwrap(images: _Images) -> _Images:
    """Drop folders that wrap all images, as long as a class folder remains below."""
    while len({parts[0] for _, parts in images}) == 1 and all(len(p) > 2 for _, p in images):
        images = [(file, parts[1:]) for file, parts in images]
    return images


def _official_splits(images: _Images) -> tuple[_Images, _Images] | None:
    tops = {parts[0] for _, parts in images}
    known = {*_TRAIN, *_VALIDATION, *_TEST}
    if not all(top.lower() in known for top in tops) or any(len(p) < 3 for _, p in images):
        return None
    if not any(top.lower() in _TRAIN for top in tops):
        return None
    # Without test/, val/ takes its place; with both, val/ joins the samples to train on, from
    # which `DataConfig.validation` sets its own fraction aside.
    held_out = _TEST if any(top.lower() in _TEST for top in tops) else _VALIDATION
    train = [(file, p[1:]) for file, p in images if p[0].lower() not in held_out]
    test = [(file, p[1:]) for file, p in images if p[0].lower() in held_out]
    return train, test


def _labelled(
    images: _Images, classes: tuple[str, ...], place: Path
) -> tuple[tuple[File, int], ...]:
    index = {name: i for i, name in enumerate(classes)}
    for file, parts in images:
        if len(parts) > 1 and parts[0] not in index:
            raise DataError(
                f"{file.name} in {place} is of class {parts[0]!r}, which has no training images; "
                "add some or remove the class from the test split"
            )
    return tuple((file, index[parts[0]]) for file, parts in images if len(parts) > 1)
