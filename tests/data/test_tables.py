from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from proxprop.data.dataset import Dataset, load
from proxprop.data.errors import DataError
from proxprop.data.preview import contents, dataset_shape, preview
from proxprop.data.source import quiet
from proxprop.spec.config import DataConfig

RANDOM = np.random.default_rng(0)


def config(path: Path, **options: object) -> DataConfig:
    return DataConfig(name="folder", path=str(path), **options)


def csv(tmp_path: Path, text: str, encoding: str = "utf-8", name: str = "table.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def npz(tmp_path: Path, **arrays: np.ndarray) -> Path:
    path = tmp_path / "arrays.npz"
    np.savez(path, **arrays)
    return path


def loaded(path: Path, **options: object) -> Dataset:
    return load(config(path, **options), progress=quiet)


def everything(data: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    parts = (data.train, data.validation, data.test)
    return torch.cat([p.inputs for p in parts]), torch.cat([p.targets for p in parts])


def rows(data: Dataset) -> set[tuple[object, ...]]:
    """Return all samples, each with the name of its class."""
    inputs, targets = everything(data)
    return {(*map(float, x.flatten()), data.classes[t]) for x, t in zip(inputs, targets)}


HEADER = "height,width,kind"
LINES = [f"{i},{i / 2},{'pear' if i % 3 else 'apple'}" for i in range(12)]
TABLE = "\n".join([HEADER, *LINES])
ROWS = {(float(i), i / 2, "pear" if i % 3 else "apple") for i in range(12)}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_table_is_read_whatever_separates_and_encodes_it(
    tmp_path: Path, separator: str, encoding: str
) -> None:
    text = TABLE.replace("pear", "Äpfel").replace(",", separator)
    data = loaded(csv(tmp_path, text, encoding))
    assert (data.shape, data.classes) == ((2,), ("apple", "Äpfel"))
    assert rows(data) == {(a, b, c.replace("pear", "Äpfel")) for a, b, c in ROWS}
    assert any("classes are in column 'kind'" in note for note in data.notes)


def test_other_writings_are_read(tmp_path: Path) -> None:
    decimal_commas = TABLE.replace(",", ";").replace(".", ",")
    assert rows(loaded(csv(tmp_path, decimal_commas))) == ROWS
    quoted = "\r\n".join(f'"{line}"'.replace(",", '" , "') for line in TABLE.split("\n"))
    assert rows(loaded(csv(tmp_path, quoted.replace('" ,', '",')))) == ROWS
    assert rows(loaded(csv(tmp_path, "\n".join(LINES)))) == ROWS  # without a header
    assert rows(loaded(csv(tmp_path, TABLE.replace(",", "\t"), name="a.TSV"))) == ROWS


def test_the_label_column_is_found_by_its_name(tmp_path: Path) -> None:
    text = "Label,x,y2\n" + "\n".join(f"{i % 3},{i},{-i}" for i in range(12))
    data = loaded(csv(tmp_path, text))
    assert data.classes == ("0", "1", "2")
    assert rows(data) == {(float(i), float(-i), str(i % 3)) for i in range(12)}


def test_numbers_as_classes_are_in_order_and_whole(tmp_path: Path) -> None:
    text = "x,class\n" + "\n".join(f"{i},{[10, 9, 100][i % 3]}.0" for i in range(12))
    assert loaded(csv(tmp_path, text)).classes == ("9", "10", "100")


@pytest.mark.parametrize(
    "text",
    [
        "a,b,c\n" + "1,2,3\n4,5,6\n" * 5,  # which one?
        "a,colour,kind\n" + "1,red,pear\n4,blue,apple\n" * 5,
        "label,x,class\n" + "1,2,3\n4,5,6\n" * 5,
        "1,2,3\n4,5,6\n" * 5,
    ],
)
def test_a_label_column_in_doubt_is_asked_for(tmp_path: Path, text: str) -> None:
    path = csv(tmp_path, text)
    with pytest.raises(DataError, match=r"Set data\.label \(Label column\) to one of") as caught:
        loaded(path)
    names = str(caught.value).partition("to one of ")[2].split(", ")
    assert len(names) == 3
    assert len(loaded(path, label=names[2]).classes) == 2
    with pytest.raises(DataError, match="no column is called 'taste'"):
        loaded(path, label="taste")


def test_columns_left_out_are_named(tmp_path: Path) -> None:
    lines = [f"{i},bird {i},{line}" for i, line in enumerate(LINES)]
    data = loaded(csv(tmp_path, "\n".join([f"id,name,{HEADER}", *lines])), label="kind")
    assert data.shape == (2,)
    assert any("id, name" in note for note in data.notes)


@pytest.mark.parametrize("gap", ["", "NaN", "?", "n/a", "inf", "1e999"])
def test_gaps_are_refused_by_line_or_left_out(tmp_path: Path, gap: str) -> None:
    lines = [HEADER, *LINES]
    lines[5] = f"{gap},2,apple"
    lines[8] = f"7,{gap},pear"
    path = csv(tmp_path, "\n".join(lines))
    with pytest.raises(DataError, match=r"2 of 12 rows .* not finite: 6, 9; .* to 'skip'"):
        loaded(path)
    data = loaded(path, damaged="skip")
    assert len(rows(data)) == 10
    assert any("2 of 12 rows" in note for note in data.notes)


def test_a_class_may_be_called_none(tmp_path: Path) -> None:
    assert loaded(csv(tmp_path, TABLE.replace("pear", "None"))).classes == ("None", "apple")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read as a table"),
        ("a,b\n\0\1\2", "it is no text"),
        (TABLE + "\n1,2,3,4,5,6", "cannot be read as a table"),
        ("a,a ,label\n" + "1,2,b\n2,3,c\n" * 5, "two columns have the same name"),
        ("label\n" + "a\nb\n" * 5, "no columns of numbers"),
        ("x,label\n" + "1,a\n2,a\n" * 5, "names only one class, 'a'"),
        ("x,label\n" + "1,0.5\n2,0.7\n" * 5, "fractions, which are no classes"),
        ("x,label\n" + "\n".join(f"1,{i}" for i in range(50)), "50 values in 50 samples"),
    ],
)
def test_unusable_tables_are_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    path = csv(tmp_path, text)
    with pytest.raises(DataError, match=words) as caught:
        loaded(path)
    assert str(path) in str(caught.value)


def test_rows_of_pixels_are_images(tmp_path: Path) -> None:
    pixels = RANDOM.integers(0, 256, (30, 784))
    header = ",".join(["label", *(f"pixel{i}" for i in range(784))])
    lines = [",".join(map(str, [i % 3, *row])) for i, row in enumerate(pixels)]
    path = csv(tmp_path, "\n".join([header, *lines]))
    data = loaded(path, validation=0)
    inputs, targets = everything(data)
    assert (inputs.dtype, data.shape) == (torch.uint8, (1, 28, 28))
    first = [tuple(row) for row in inputs[targets == 0].flatten(1).tolist()]
    assert sorted(first) == sorted(tuple(row) for row in pixels[::3].tolist())
    shown = preview(config(path, validation=0), 3)
    assert shown is not None
    assert shown[0][1].shape == (28, 28)


def test_iris_is_iris(tmp_path: Path) -> None:
    iris = load_iris()
    lines = [
        ",".join([*map(str, row), str(iris.target_names[t])])
        for row, t in zip(iris.data, iris.target)
    ]
    path = csv(tmp_path, "\n".join(["a,b,c,d,species", *lines]))
    data = loaded(path)
    assert data.classes == tuple(iris.target_names)
    inputs, targets = everything(data)
    for target in range(3):
        ours = np.sort(inputs[targets == target].numpy(), axis=0)
        theirs = np.sort(iris.data[iris.target == target], axis=0).astype(np.float32)
        np.testing.assert_array_equal(ours, theirs)
    assert dataset_shape(config(path)) == ((4,), data.classes, len(data.train))
    assert preview(config(path), 4) is None
    assert contents(config(path))[0] == (
        "150 rows in 3 classes: setosa 50, versicolor 50, virginica 50."
    )


def test_wide_columns_are_remarked_with_the_remedy(tmp_path: Path) -> None:
    text = TABLE.replace("height", "gram").replace("\n7,", "\n7000,")
    assert any("data.standardize (Standardise)" in n for n in loaded(csv(tmp_path, text)).notes)
    assert not any("standardize" in n for n in loaded(csv(tmp_path, TABLE)).notes)


def test_a_changed_table_is_read_again(tmp_path: Path) -> None:
    assert loaded(csv(tmp_path, TABLE)).classes == ("apple", "pear")
    assert loaded(csv(tmp_path, TABLE.replace("pear", "plum"))).classes == ("apple", "plum")


POINTS = RANDOM.normal(size=(20, 3)).astype(np.float32)
IMAGES = RANDOM.integers(0, 256, (20, 8, 8), np.uint8)
LABELS = np.arange(20) % 2


@pytest.mark.parametrize(
    ("samples", "labels"),
    [("x", "y"), ("X", "Y"), ("data", "labels"), ("features", "target"), ("arr_0", "arr_1")],
)
def test_arrays_are_told_apart_by_their_names(tmp_path: Path, samples: str, labels: str) -> None:
    data = loaded(npz(tmp_path, **{labels: LABELS, samples: POINTS}))
    assert rows(data) == {(*map(float, p), str(t)) for p, t in zip(POINTS, LABELS)}


@pytest.mark.parametrize("order", ["{split}_{kind}", "{kind}_{split}", "{kind}{split}"])
def test_splits_of_arrays_are_kept(tmp_path: Path, order: str) -> None:
    arrays = {
        order.format(kind=kind, split=split): array
        for split, cut in (("train", slice(12)), ("test", slice(12, 20)))
        for kind, array in (("x", IMAGES[cut]), ("y", LABELS[cut]))
    }
    data = loaded(npz(tmp_path, **arrays), validation=0)
    np.testing.assert_array_equal(data.train.inputs[:, 0], IMAGES[:12])
    np.testing.assert_array_equal(data.test.inputs[:, 0], IMAGES[12:])
    assert data.test.targets.tolist() == LABELS[12:].tolist()


def test_validation_arrays_join_or_stand_in_and_that_is_said(tmp_path: Path) -> None:
    parts = {"train": slice(10), "val": slice(10, 14), "test": slice(14, 20)}
    arrays = {f"{k}_images": IMAGES[cut] for k, cut in parts.items()}
    arrays |= {f"{k}_labels": LABELS[cut, None] for k, cut in parts.items()}
    data = loaded(npz(tmp_path, **arrays), validation=0)
    assert (len(data.train), len(data.test)) == (14, 6)
    assert any("joined" in note for note in data.notes)
    del arrays["test_images"]
    data = loaded(npz(tmp_path, **arrays), validation=0)
    assert (len(data.train), len(data.test)) == (10, 4)
    assert any("used as the test split" in note for note in data.notes)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (IMAGES, IMAGES[:, None]),
        (IMAGES[:, :, :, None], IMAGES[:, None]),
        (IMAGES[:, None], IMAGES[:, None]),
        (np.stack([IMAGES] * 3, -1), np.stack([IMAGES] * 3, 1)),
        (np.stack([IMAGES] * 3, 1), np.stack([IMAGES] * 3, 1)),
        (IMAGES / np.float32(255), IMAGES[:, None]),
        (IMAGES.astype(np.uint16) * 257, IMAGES[:, None]),
        (IMAGES.astype(np.int64), IMAGES[:, None]),
        (IMAGES > 127, (IMAGES[:, None] > 127) * np.uint8(255)),
        (IMAGES.reshape(20, 64), IMAGES[:, None]),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays_of_images_in_every_form(
    tmp_path: Path, images: np.ndarray, expected: np.ndarray
) -> None:
    path = npz(tmp_path, x_train=images, y_train=LABELS, x_test=images, y_test=LABELS)
    data = loaded(path, validation=0)
    np.testing.assert_array_equal(data.train.inputs, expected)
    np.testing.assert_array_equal(data.test.inputs, expected)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        LABELS[:, None],
        LABELS.astype(np.float64),
        LABELS.astype(np.uint8),
        LABELS == 1,
        np.eye(2)[LABELS],
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_labels_in_every_form(tmp_path: Path, labels: np.ndarray) -> None:
    data = loaded(npz(tmp_path, x=POINTS, y=labels))
    assert rows(data) == {(*map(float, p), str(t)) for p, t in zip(POINTS, LABELS)}


def test_classes_may_have_names(tmp_path: Path) -> None:
    names = np.array(["cat", "dog", "eel"])
    for arrays in ({"y": LABELS + 1, "class_names": names}, {"y": names[LABELS + 1]}):
        data = loaded(npz(tmp_path, x=POINTS, **arrays))
        assert rows(data) == {(*map(float, p), names[t + 1]) for p, t in zip(POINTS, LABELS)}


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a": POINTS, "b": LABELS}, r"which arrays hold .* a float32\[20, 3\], b int64\[20\]"),
        ({"x": POINTS, "data": POINTS, "y": LABELS}, "which arrays hold"),
        ({"x": POINTS}, "which arrays hold"),
        ({"x": POINTS, "y": LABELS, "x_train": POINTS, "y_train": LABELS}, "which arrays hold"),
        ({"x_test": POINTS, "y_test": LABELS}, "which arrays hold"),
        ({"x": POINTS, "y": LABELS[:19]}, "20 samples but 19 labels"),
        ({"x": POINTS, "y": POINTS}, "one class a sample is needed"),
        ({"x": RANDOM.random((20, 5, 8, 9)), "y": LABELS}, r"shape \(5, 8, 9\)"),
        ({"x": RANDOM.random((20, 3, 8, 3)), "y": LABELS}, r"shape \(3, 8, 3\)"),
        ({"x": POINTS, "y": LABELS * 0}, "only one class"),
        ({"x": np.array([{}] * 20), "y": LABELS}, "cannot be read as arrays .*allow_pickle"),
    ],
)
def test_arrays_in_doubt_are_refused_in_words(
    tmp_path: Path, arrays: dict[str, np.ndarray], words: str
) -> None:
    path = npz(tmp_path, **arrays)
    with pytest.raises(DataError, match=words) as caught:
        loaded(path)
    assert str(path) in str(caught.value)


def test_gaps_in_arrays_are_refused_or_left_out(tmp_path: Path) -> None:
    points = POINTS.copy()
    points[[3, 5], 1] = np.nan, np.inf
    path = npz(tmp_path, x=points, y=LABELS)
    with pytest.raises(DataError, match=r"2 of 20 rows .* not finite: 3, 5;"):
        loaded(path)
    assert len(rows(loaded(path, damaged="skip"))) == 18


def test_unknown_arrays_are_named(tmp_path: Path) -> None:
    path = npz(tmp_path, x=POINTS, y=LABELS, weights=POINTS, x_test=POINTS)
    assert any("weights, test without labels" in note for note in loaded(path).notes)


def test_bombs_and_damage_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros((20_000_000, 1)), y=np.zeros(20_000_000))
    with pytest.raises(DataError, match="more than 200 times its size"):
        loaded(path)
    path = npz(tmp_path, x=POINTS, y=LABELS)
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as arrays"):
        loaded(path)
    path.write_bytes(b"words")
    with pytest.raises(DataError, match="is damaged"):
        loaded(path)


def test_a_missing_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        loaded(tmp_path / "nowhere.csv")
