"""Which files of a container are images of which class, and whether the data bring a test split.

The layout is torchvision's ImageFolder: one folder a class, images anywhere below it. Folders that
wrap everything are skipped. Folders called train, val or test above the class folders are the
official splits. Where such a name may as well be a class, nothing is guessed: the layout is
refused until `DataConfig.split` says which. What is left out is said.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Literal
from unicodedata import normalize

import numpy as np

from proxprop.data.containers import File
from proxprop.data.errors import DataError
from proxprop.data.source import Array, amount, listed, validation_use

SplitReading = Literal["auto", "folders", "classes"]

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".bmp", ".dib", ".webp"),
    *(".tif", ".tiff", ".avif", ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    *(".tga", ".ico", ".pcx", ".qoi", ".sgi"),
)
# What operating systems leave behind besides hidden files.
_LITTER = ("__MACOSX", "@eaDir", "Thumbs.db", "desktop.ini")
_ROLE = re.compile(
    r"(?:(?P<train>train|training)|(?P<validation>val|valid|validation)|(?P<test>test|testing))"
    r"(?:[ _.-]*(?:set|data|dataset|images?|imgs?|pics?|pictures?|photos?|split|folder|samples?"
    r"|\d+))*"
)


@dataclass(frozen=True)
class Layout:
    """Images by class; positions in `classes` are the targets.

    Attributes:
        classes: Class names, sorted.
        train: Files with their class, sorted by path.
        test: Those of the official test split; None if there is none.
        notes: What was left out or decided, one sentence each.
    """

    classes: tuple[str, ...]
    train: tuple[tuple[File, int], ...]
    test: tuple[tuple[File, int], ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> tuple[Array, Array | None]:
        """Images of each class, and those of the official test split if there is one."""

        def count(pairs: tuple[tuple[File, int], ...]) -> Array:
            return np.bincount([target for _, target in pairs], minlength=len(self.classes))

        return count(self.train), None if self.test is None else count(self.test)

    def sample(self, count: int) -> list[tuple[File, int]]:
        """Return the first `count` training files, going round the classes."""
        by_class: list[list[tuple[File, int]]] = [[] for _ in self.classes]
        for file, target in self.train:
            if len(by_class[target]) < count:
                by_class[target].append((file, target))
        rounds = chain.from_iterable(zip_longest(*by_class))
        return [pair for pair in rounds if pair is not None][:count]


def find_layout(files: Iterable[File], place: Path, split: SplitReading = "auto") -> Layout:
    """Return the layout of `files`, found in `place`.

    Args:
        files: Every file.
        place: Where they are, for messages.
        split: What top folders are: "folders" called train, val and test are splits; all are
            "classes"; or "auto", which refuses what may be either.

    Raises:
        DataError: If there are no images, no class folders, fewer than two classes, a class that
            only the test split has, or a layout in doubt.
    """
    notes: list[str] = []
    images = _images(files, place, notes)
    images = _unwrap(images, notes)
    tops = _by_top(images, "beside the class folders", notes)
    roles = _roles(tops, place, split)
    if not roles:
        train, test = [image for images in tops.values() for image in images], None
    else:
        train, test = _official_splits(tops, roles, place, notes)
    classes = tuple(sorted({parts[0] for _, parts in train}))
    if len(classes) < 2:
        count = f"only one class folder, {classes[0]!r}," if classes else "images in no folder"
        raise DataError(
            f"{place} has {count} where at least two class folders are needed: one folder a "
            "class, named after it, with its images inside"
        )
    index = {name: i for i, name in enumerate(classes)}
    for file, parts in test or ():
        if parts[0] not in index:
            raise DataError(
                f"{file.name} in {place} is of class {parts[0]!r}, which has no training images; "
                "add some or remove the class from the test split"
            )

    def labelled(images: _Images) -> tuple[tuple[File, int], ...]:
        return tuple(sorted((file, index[parts[0]]) for file, parts in images))

    return Layout(classes, labelled(train), None if test is None else labelled(test), tuple(notes))


_Images = list[tuple[File, tuple[str, ...]]]  # with their path below the folder looked at


def _images(files: Iterable[File], place: Path, notes: list[str]) -> _Images:
    """Return the images among `files`, their paths in Unicode's composed form."""
    images: _Images = []
    others: list[tuple[str, ...]] = []
    for file in files:
        if any(part.startswith(".") or part in _LITTER for part in file.parts):
            continue
        parts = tuple(normalize("NFC", part) for part in file.parts)
        if parts[-1].lower().endswith(IMAGE_SUFFIXES):
            images.append((file, parts))
        else:
            others.append(parts)
    kinds = Counter(os.path.splitext(parts[-1])[1].lower() or "no suffix" for parts in others)
    left_out = listed([f"{count} {kind}" for kind, count in kinds.most_common()])
    if not images:
        known = ", ".join(IMAGE_SUFFIXES)
        instead = f", but {left_out}" if left_out else ""
        raise DataError(f"{place} holds no images ({known}){instead}; check data.path")
    if others:
        filled = {parts[:depth] for _, parts in images for depth in range(len(parts))}
        empty = sorted({"/".join(parts[:-1]) for parts in others if parts[:-1] not in filled})
        nothing = f"; no image is in {listed(empty)}" if empty else ""
        notes.append(f"Left out, as they are no images that can be read: {left_out}{nothing}.")
    return sorted(images)


def _unwrap(images: _Images, notes: list[str]) -> _Images:
    """Drop folders that wrap all others, as long as a class folder remains below."""
    while True:
        tops = {parts[0] for _, parts in images if len(parts) > 1}
        if len(tops) != 1 or all(len(parts) < 3 for _, parts in images):
            return images
        (wrapper,) = _by_top(images, "beside the class folders", notes).values()
        images = [(file, parts[1:]) for file, parts in wrapper]


def _by_top(images: _Images, where: str, notes: list[str]) -> dict[str, _Images]:
    """Return the images below each top folder; note those in none."""
    tops: dict[str, _Images] = {}
    for file, parts in images:
        if len(parts) > 1:
            tops.setdefault(parts[0], []).append((file, parts))
    loose = [file.name for file, parts in images if len(parts) == 1]
    if loose and tops:
        notes.append(f"Left out, {where}: {listed(loose)}.")
    return tops


def _in_classes(top: str, below: _Images, notes: list[str]) -> _Images:
    """Return the images of a split's folder that lie in a class folder; note the others."""
    labelled = _by_top(below, f"in no class folder of {top}", notes)
    if not labelled:
        count = amount(len(below), "image")
        notes.append(f"Left out, as it has no class folders: {top} ({count}).")
    return [*chain(*labelled.values())]


def _roles(tops: dict[str, _Images], place: Path, split: SplitReading) -> dict[str, str]:
    """Return which top folders are which split by their names; none if all are classes.

    Raises:
        DataError: If either may be meant, or no name says what `split` asks for.
    """
    if split == "classes":
        return {}
    # seg_train and seg_test: what all names begin with says nothing.
    shared = os.path.commonprefix([*tops])  # noqa: RUF071 (characters are meant)
    common = re.sub(r"[^ _.-]*$", "", shared)
    roles = {top: role for top in tops if (role := role_of(top.removeprefix(common)))}
    if split == "folders":
        if not roles:
            raise DataError(
                f"{place} has no top folder called train, val or test, but {listed([*tops])}; set "
                "data.split (Top folders) to 'auto' or 'classes'"
            )
        return roles
    inner = {top: {parts[1] for _, parts in tops[top] if len(parts) > 2} for top in tops}
    if not roles or len(tops) == 1:
        if tops and all({"train"} < {role_of(name) for name in inner[top]} - {""} for top in tops):
            raise DataError(
                f"{place} is in doubt: each of {listed([*tops])} has folders called train and the "
                "like inside; put these above the class folders, or set data.split (Top folders) "
                "to 'classes' to mix what is in them"
            )
        return {}
    trained_on = set().union(*(inner[top] for top, role in roles.items() if role == "train"))
    others = [top for top in tops if top not in roles]
    several = len({*roles.values()}) > 1 or not others
    named = listed([*roles])
    if "train" in roles.values() and several:
        doubt = (
            "" if trained_on else f"{named}: named like splits, but none has classes to train on"
        )
    elif "train" in roles.values():
        if len(trained_on) < 2:
            return {}
        doubt = f"{named} has folders inside, as a training split has, but beside {listed(others)}"
    elif not others:
        doubt = f"{named}: named like splits, but none to train on"
    else:
        labelled = all(inner[top] & {*others} for top in roles)
        doubt = "" if labelled else f"{named} beside {listed(others)}: a class, or without labels"
    if doubt:
        raise DataError(
            f"{place} is in doubt: {doubt}; set data.split (Top folders) to 'classes' if each top "
            "folder is a class, or to 'folders' if train, val and test in their names make them "
            "splits, each with the class folders inside"
        )
    return roles


def role_of(folder: str) -> str:
    """Return the split that a folder's name says: train, validation, test, or nothing."""
    match = _ROLE.fullmatch(folder.casefold())
    return (match and match.lastgroup) or ""


def _official_splits(
    tops: dict[str, _Images], roles: dict[str, str], place: Path, notes: list[str]
) -> tuple[_Images, _Images | None]:
    """Return the images to train on and to test on, each with its path from its class on."""
    train: _Images = []
    for top, images in tops.items():
        if roles.get(top) == "train":
            below = _unwrap([(file, parts[1:]) for file, parts in images], notes)
            train += _in_classes(top, below, notes)
    if "train" not in roles.values():
        train = [image for top, images in tops.items() if top not in roles for image in images]
    elif others := [top for top in tops if top not in roles]:
        notes.append(f"Left out, as not called train, val or test: {listed(others)}.")
    classes = {parts[0] for _, parts in train}
    held_out: dict[str, _Images] = {"validation": [], "test": []}
    for top, role in roles.items():
        if role == "train":
            continue
        below = [(file, parts[1:]) for file, parts in tops[top]]
        if not {parts[0] for _, parts in below} & classes:
            below = _unwrap(below, notes)
        held_out[role] += _in_classes(top, below, notes)
    validation, test = held_out["validation"], held_out["test"]
    use, note = validation_use(bool(validation), bool(test))
    notes += [note] if note else []
    if use == "train":
        train += validation
    return train, test or validation or None
