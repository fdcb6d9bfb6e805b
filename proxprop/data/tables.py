"""Tables of samples with labels: .csv and .tsv files, and .npz archives of arrays.

Which column or array holds the labels is found by its name, or asked for; what is left out is
noted. Nothing is ever unpickled.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Container
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from proxprop.data.containers import ZipArchive
from proxprop.data.errors import DataError
from proxprop.data.images import MAX_DECODED_BYTES, to_bytes
from proxprop.data.source import Array, Source, amount, listed, validation_use
from proxprop.spec.config.parts import DataConfig

MAX_TABLE_BYTES = 2 << 30  # of a .csv

_LABELS = ("label", "labels", "class", "classes", "target", "targets", "category", "y")
_INPUTS = ("x", "data", "inputs", "images", "imgs", "features", "samples", "pixels", "arr_0")
_NAMES = ("classes", "class_names", "label_names", "target_names", "labels_names")
_INDEX = ("", "id", "index", "unnamed: 0")
_LEAST_PIXELS = 49  # of a sample: below, numbers in 0…255 are no image
_MOST_DISTINCT = 0.5  # classes per sample: above, labels are something else
_WIDE = 20.0  # reach of a column from which a remark on scales is due


def csv_source(path: Path, config: DataConfig) -> Source:
    """Return the rows of a .csv or .tsv, classes from one column and numbers from the others.

    Raises:
        DataError: If it cannot be read, or which column holds the classes is in doubt.
    """
    if path.stat().st_size > MAX_TABLE_BYTES:
        raise DataError(f"{path} has more than {MAX_TABLE_BYTES >> 30} GiB; save it as .npz")
    try:
        frame, header = read_frame(path)
    except (OSError, ValueError, csv.Error) as error:  # pandas' own are ValueErrors
        raise DataError(f"{path} cannot be read as a table ({error})") from error
    numbers = _numbers(frame)
    label = label_column(frame, numbers, config.label, path)
    numbers.pop(label, None)
    index = [name for name in numbers if name.casefold() in _INDEX and numbers[name].is_unique]
    features = [name for name in numbers if name not in index]
    notes = [f"The classes are in column {label!r}."]
    if left_out := [name for name in frame.columns if name not in (label, *features)]:
        notes.append(f"Left out, as they hold no numbers or count the rows: {listed(left_out)}.")
    if not features:
        raise DataError(f"{path} has no columns of numbers beside the classes")
    values = np.column_stack([numbers[name] for name in features]).astype(np.float64)
    sound = _are_finite(values) & frame[label].notna().to_numpy()
    kept = _sound_rows(sound, 2 if header else 1, path, config, notes)
    targets, classes = class_indices(frame[label].to_numpy()[kept], f"column {label!r} of {path}")
    return Source(_as_inputs(values[kept], notes), targets, classes, notes=tuple(notes))


def read_frame(path: Path, most: int | None = None) -> tuple[pd.DataFrame, bool]:
    """Return a table with named columns, and whether the names are the file's own.

    Args:
        path: A .csv or .tsv.
        most: Rows at most; None for all.

    Raises:
        ValueError: If it is no table.
        OSError: If it cannot be opened.
    """
    with path.open("rb") as stream:
        start = stream.read(1 << 16)
    if b"\0" in start and not start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("it is no text")
    encodings = ["utf-8-sig", "cp1252"]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    lines = start.decode(encodings[0], errors="replace").splitlines()
    if not lines:
        raise ValueError("it is empty")
    rows = {mark: next(csv.reader(lines[:1], delimiter=mark)) for mark in ",;\t|"}
    separator = max(rows, key=lambda mark: len(rows[mark]))
    header = not any(_is_number(cell) for cell in rows[separator])
    decimal_comma = separator == ";" and any(re.search(r"(^|;)-?\d+,\d", row) for row in lines[1:])
    for encoding in encodings:
        try:
            frame = pd.read_csv(
                path,
                sep=separator,
                header=0 if header else None,
                index_col=False,
                decimal="," if decimal_comma else ".",
                skipinitialspace=True,
                keep_default_na=False,  # a class may be called None
                na_values=[""],
                low_memory=False,
                nrows=most,
                encoding=encoding,
            )
            break
        except UnicodeDecodeError:
            if encoding == encodings[-1]:
                raise
    names = frame.columns if header else [f"column {n + 1}" for n in range(len(frame.columns))]
    frame.columns = pd.Index([str(name).strip() for name in names])
    if not frame.columns.is_unique:
        raise ValueError("two columns have the same name")
    return frame, header


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _numbers(frame: pd.DataFrame) -> dict[str, pd.Series[float]]:
    """Return the columns of which at least half are numbers; NaN where a cell holds none."""
    numbers = {}
    for name, column in frame.items():
        values = pd.to_numeric(column, errors="coerce")
        if values.notna().sum() >= 0.5 * column.notna().sum() > 0:
            numbers[str(name)] = values
    return numbers


def label_column(
    frame: pd.DataFrame, numbers: Container[str], asked: str | None, path: Path
) -> str:
    """Return the column asked for, or called like labels, or else the only one of words."""
    columns = list(frame.columns)
    if asked is not None:
        chosen = [name for name in columns if name.casefold() == asked.strip().casefold()]
    else:
        chosen = [name for name in columns if name.casefold() in _LABELS]
        chosen = chosen or [name for name in columns if name not in numbers]
    if len(chosen) != 1:
        doubt = f"no column is called {asked!r}." if asked else "which column holds the classes?"
        raise DataError(
            f"{path}: {doubt} Set data.label (Label column) to one of {listed(columns)}"
        )
    return chosen[0]


def npz_source(path: Path, config: DataConfig) -> Source:
    """Return the samples of a .npz: arrays x and y, or x_train, y_train, x_test and y_test.

    Raises:
        DataError: If it cannot be read, or which array is what is in doubt.
    """
    size = sum(file.size for file in ZipArchive(path).files())  # which refuses bombs
    if size > MAX_DECODED_BYTES:
        raise DataError(f"{path} holds more than {MAX_DECODED_BYTES >> 30} GiB; take fewer samples")
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    # A crafted header can make NumPy raise almost anything.
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as arrays of numbers ({error}); save them with numpy.savez"
        ) from error
    notes: list[str] = []
    parts, names = _parts(arrays, path, notes)
    train = parts.pop("train", None) or parts.pop("", None)
    test, validation = parts.pop("test", None), parts.pop("validation", None)
    if train is None or parts:
        raise _which(arrays, path)
    use, note = validation_use(validation is not None, test is not None)
    if validation is not None:
        notes.append(note)
        train = _joined(train, validation, path) if use == "train" else train
        test = validation if use == "test" else test
    cut = len(train[0])
    values, labels = train if test is None else _joined(train, test, path)
    kept = _sound_rows(_are_finite(values), 0, path, config, notes)
    targets, classes = class_indices(labels[kept], f"the labels of {path}")
    if names and all(name.isdecimal() and int(name) < len(names) for name in classes):
        classes = tuple(names[int(name)] for name in classes)
    inputs = _as_inputs(_as_images(values[kept], path, notes), notes)
    cut = int(np.searchsorted(kept, cut))
    if test is None:
        return Source(inputs, targets, classes, notes=tuple(notes))
    return Source(inputs[:cut], targets[:cut], classes, inputs[cut:], targets[cut:], tuple(notes))


_Part = tuple[Array, Array]  # samples and their labels


def _parts(
    arrays: dict[str, Array], path: Path, notes: list[str]
) -> tuple[dict[str, _Part], tuple[str, ...]]:
    """Return samples and labels by split ("" without one), and the names of the classes if any."""
    inputs: dict[str, Array] = {}
    labels: dict[str, Array] = {}
    names: tuple[str, ...] = ()
    unknown = []
    for name, array in arrays.items():
        split, kind = _meaning(name)
        text = array.dtype.kind in "US"
        if kind in _NAMES and text and not split and array.ndim == 1 and len(arrays) > 2:
            names = tuple(map(str, array.tolist()))
        elif kind in _INPUTS and array.ndim > 1 and array.dtype.kind in "buif":
            if split in inputs:
                raise _which(arrays, path)
            inputs[split] = array
        elif (kind in _LABELS or kind == "arr_1") and array.ndim > 0:
            if split in labels:
                raise _which(arrays, path)
            labels[split] = _flat_labels(array, name, path)
        else:
            unknown.append(name)
    for split in [*inputs]:
        if split not in labels:
            unknown.append(f"{split or 'samples'} without labels")
        elif len(inputs[split]) != len(labels[split]):
            raise DataError(
                f"{path} has {len(inputs[split]):,} samples but {len(labels[split]):,} labels "
                f"({_shapes(arrays)})"
            )
    if unknown:
        notes.append(f"Left out of the arrays: {listed(unknown)}.")
    return {k: (inputs[k], labels[k]) for k in inputs if k in labels}, names


def _meaning(name: str) -> tuple[str, str]:
    """Return the split that an array's name says ("" for none), and the rest of the name."""
    match = re.search(r"train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?", name.casefold())
    if match is None:
        return "", name.casefold()
    split = {"tr": "train", "va": "validation", "te": "test"}[match[0][:2]]
    return split, name.casefold().replace(match[0], "").strip("_-. ")


def _flat_labels(labels: Array, name: str, path: Path) -> Array:
    """Return one label a sample, from a column of them or from one-hot rows."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        return labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in "buif":
        one_hot = np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()
        labels = np.argmax(labels, axis=1) if one_hot else labels
    if labels.ndim != 1 or labels.dtype.kind not in "buifUS":
        raise DataError(
            f"{name} of {path} is {_shapes({name: labels})}: one class a sample is needed, as "
            "whole numbers, words or one-hot rows"
        )
    return labels


def _joined(part: _Part, other: _Part, path: Path) -> _Part:
    if part[0].shape[1:] != other[0].shape[1:]:
        shapes = f"{part[0].shape[1:]} and {other[0].shape[1:]}"
        raise DataError(f"{path} has splits whose samples differ in shape: {shapes}")
    return np.concatenate([part[0], other[0]]), np.concatenate([part[1], other[1]])


def _as_images(values: Array, path: Path, notes: list[str]) -> Array:
    """Return samples as uint8 images N × C × H × W where they have the shape of such."""
    if values.ndim == 2:
        return values
    shape = values.shape[1:]
    if len(shape) == 2:
        values = values[:, None]
    elif len(shape) == 3 and (shape[0] in (1, 3)) != (shape[2] in (1, 3)):
        values = values if shape[0] in (1, 3) else values.transpose(0, 3, 1, 2)
    else:
        raise DataError(
            f"{path} has samples of shape {shape}: images of shape (H, W), (H, W, 3) or (3, H, W) "
            "are read, or rows of numbers"
        )
    if values.dtype == bool:
        values = values * np.uint8(255)
    elif values.dtype != np.uint8:
        values, scale = to_bytes(values)
        notes.append(f"Images are read as uint8: {scale}.")
    return np.ascontiguousarray(values)


def _as_inputs(values: Array, notes: list[str]) -> Array:
    """Return images as they are and rows of numbers as points, or as images where they are such."""
    if values.ndim == 4:
        return values
    side = math.isqrt(values.shape[1])
    low, high = (values.min(initial=0), values.max(initial=0)) if values.size else (0, 0)
    square = side**2 == values.shape[1] >= _LEAST_PIXELS
    if square and low >= 0 and 127 < high <= 255 and (values == np.rint(values)).all():
        notes.append(f"Rows of {side**2} levels in 0…255 are read as {side} × {side} images.")
        return values.astype(np.uint8).reshape(-1, 1, side, side)
    if max(-low, high) > _WIDE:
        notes.append(
            f"The numbers reach from {low:g} to {high:g}: data.standardize (Standardise) brings "
            "all columns to one scale."
        )
    return values.astype(np.float32)


def _are_finite(values: Array) -> NDArray[np.bool_]:
    """Return which samples hold finite numbers only."""
    finite = np.isfinite(values).reshape(len(values), -1)
    return np.asarray(finite.all(axis=1), bool)


def _sound_rows(
    sound: NDArray[np.bool_], first: int, path: Path, config: DataConfig, notes: list[str]
) -> NDArray[np.int64]:
    """Return the positions of rows without a gap; the others are refused, or left out and noted."""
    if not sound.all():
        rows = [str(row + first) for row in np.flatnonzero(~sound)]
        count = f"{len(rows):,} of {amount(len(sound), 'row')} of {path}"
        why = f"{count} have gaps or numbers that are not finite: {listed(rows)}"
        if config.damaged == "refuse" or not sound.any():
            raise DataError(
                f"{why}; fill them, or set data.damaged (Damaged samples) to 'skip' to leave them "
                "out"
            )
        notes.append(f"Left out: {why}.")
    return np.flatnonzero(sound)


def class_indices(labels: Array, what: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return labels as class indices, and the classes: numbers in order, or words by alphabet."""
    try:
        numbers = labels.astype(np.float64)
    except ValueError:
        texts = [text.decode() if isinstance(text, bytes) else str(text) for text in labels]
        values = np.array([normalize("NFC", text.strip()) for text in texts])
    else:
        values = np.rint(numbers).astype(np.int64)
        if (values != numbers).any():
            raise DataError(f"{what} holds fractions, which are no classes; choose another")
    classes, targets = np.unique(values, return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"{what} names only one class, {str(classes[0])!r}; two are needed")
    if len(classes) > max(10, _MOST_DISTINCT * len(labels)):
        raise DataError(
            f"{what} has {len(classes):,} values in {len(labels):,} samples, too many for classes; "
            "choose another"
        )
    return targets.reshape(-1).astype(np.int64), tuple(map(str, classes.tolist()))


def _which(arrays: dict[str, Array], path: Path) -> DataError:
    return DataError(
        f"{path}: which arrays hold samples and labels? It has {_shapes(arrays)}; call them x and "
        "y, or x_train, y_train, x_test and y_test"
    )


def _shapes(arrays: dict[str, Array]) -> str:
    return listed([f"{name} {array.dtype}{list(array.shape)}" for name, array in arrays.items()])
