"""Tables that list image files with their classes, in place of one folder a class."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from unicodedata import normalize

import pandas as pd

from proxprop.data.containers import Directory, File
from proxprop.data.errors import DataError
from proxprop.data.layout import IMAGE_SUFFIXES, Layout, role_of
from proxprop.data.source import amount, listed, validation_use
from proxprop.data.tables import class_indices, label_column, read_frame
from proxprop.spec.config.parts import DataConfig

_SPLITS = ("split", "set", "subset", "partition")


class ListedImages(Directory):
    """The image files that a table names, beside it.

    Args:
        table: The table; its folder is where the names begin.
        names: As they stand in the table.

    Raises:
        DataError: If a name points outside the table's folder.
    """

    def __init__(self, table: Path, names: list[str]) -> None:
        super().__init__(table.parent)
        self._parts = [_parts(name, table) for name in names]

    def _walk(self) -> Iterator[tuple[tuple[str, ...], os.stat_result]]:
        for parts in dict.fromkeys(self._parts):
            try:
                status = os.stat(self.path.joinpath(*parts))
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode):
                yield parts, status


def listed_images(table: Path, config: DataConfig) -> tuple[ListedImages, Layout]:
    """Return the images that a table lists, with their classes and, by a column "split", splits.

    Raises:
        DataError: If it cannot be read, names files that are not there, or one file in two
            classes; or if which column holds the classes is in doubt.
    """
    frame, _ = read_frame(table)
    column = _file_column(frame)
    assert column is not None  # `lists_images` has seen it
    split = next((name for name in frame.columns if name.casefold() in _SPLITS), None)
    others = [name for name in frame.columns if name not in (column, split)]
    label = others[0] if len(others) == 1 and not config.label else ""
    label = label or label_column(frame[others], (), config.label, table)
    frame = frame[[column, label, *([split] if split else [])]].dropna().drop_duplicates()
    names = [str(name).strip() for name in frame[column]]
    container = ListedImages(table, names)
    files = {file.parts: file for file in container.files()}
    places = [_parts(name, table) for name in names]
    notes = [f"The files are in column {column!r}, the classes in column {label!r}."]
    there = [place in files for place in places]
    if not all(there):
        gone = [name for name, known in zip(names, there) if not known]
        count = f"{len(gone):,} of {amount(len(names), 'image')} that {table} lists are not there"
        if config.damaged == "refuse" or not any(there):
            raise DataError(
                f"{count}: {listed(gone)}; names begin in its folder. Put them there, or set "
                "data.damaged (Damaged samples) to 'skip' to go on without them"
            )
        notes.append(f"Left out: {count}: {listed(gone)}.")
    kept = [i for i, known in enumerate(there) if known]
    targets, classes = class_indices(frame[label].to_numpy()[kept], f"column {label!r} of {table}")
    pairs = [(files[places[i]], int(target)) for i, target in zip(kept, targets)]
    if twice := len(pairs) - len({file for file, _ in pairs}):
        raise DataError(f"{table} lists {amount(twice, 'image')} more than once")
    if split is None:
        return container, Layout(classes, tuple(sorted(pairs)), None, tuple(notes))
    words = [str(frame[split].iloc[i]) for i in kept]
    return container, _by_split(pairs, words, classes, table, notes)


def lists_images(table: Path) -> bool:
    """Whether a .csv or .tsv has a column of names of image files; only its beginning is read."""
    try:
        frame, _ = read_frame(table, most=50)
    except (OSError, ValueError):  # told when it is read as a table
        return False
    return _file_column(frame) is not None


def _file_column(frame: pd.DataFrame) -> str | None:
    """Return the column whose cells all end like names of images."""
    for name, column in frame.items():
        texts = column.dropna().astype(str).str.strip().str.casefold()
        if len(texts) and texts.str.endswith(IMAGE_SUFFIXES).all():
            return str(name)
    return None


def _parts(name: str, table: Path) -> tuple[str, ...]:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0][1:2] or "\0" in name:
        raise DataError(
            f"{table} lists {name!r}, outside its folder; name files as they lie beside the table"
        )
    return path.parts


def _by_split(
    pairs: list[tuple[File, int]],
    words: list[str],
    classes: tuple[str, ...],
    table: Path,
    notes: list[str],
) -> Layout:
    """Return the layout by the words of a split column."""
    parts: dict[str, list[tuple[File, int]]] = {"train": [], "validation": [], "test": []}
    for pair, word in zip(pairs, words):
        role = role_of(normalize("NFC", word.strip()))
        if not role:
            raise DataError(f"{table} has a split called {word!r}; call them train, val and test")
        parts[role].append(pair)
    if {target for _, target in parts["train"]} != set(range(len(classes))):
        raise DataError(f"{table} has classes without an image to train on")
    use, note = validation_use(bool(parts["validation"]), bool(parts["test"]))
    notes += [note] if note else []
    train = parts["train"] + (parts["validation"] if use == "train" else [])
    test = parts["test"] or parts["validation"]
    return Layout(
        classes, tuple(sorted(train)), tuple(sorted(test)) if test else None, tuple(notes)
    )
