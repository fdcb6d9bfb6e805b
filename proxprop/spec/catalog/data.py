"""The data sets a config can name, described without loading them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["toy", "embedded", "download", "folder"]


@dataclass(frozen=True)
class DataSpec:
    """One data set a config can name.

    Attributes:
        name: Name in configs, URLs and the command line.
        label: Name a person reads.
        kind: "toy" (generated 2-D points), "embedded" (ships with a dependency), "download"
            (fetched once through torchvision) or "folder" (a person's own images or table).
        shape: Shape of one sample, (d,) or (C, H, W); None where it depends on the files.
        classes: Class names; empty where they depend on the files.
        train_size: Samples to train and validate on; None where it depends on config or files.
        test_size: Samples of the official test split; None if a part of the data is set aside.
        megabytes: Download size.
        about: One sentence a person reads.
    """

    name: str
    label: str
    kind: Kind
    shape: tuple[int, ...] | None
    classes: tuple[str, ...] = ()
    train_size: int | None = None
    test_size: int | None = None
    megabytes: float = 0.0
    about: str = ""


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


_DIGITS = _names("0, 1, 2, 3, 4, 5, 6, 7, 8, 9")
_CLOTHES = _names(
    "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
)
_CIFAR = _names("airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck")
_TWO = _names("A, B")

_SPECS = (
    DataSpec(
        "digits", "Handwritten digits", "embedded", (1, 8, 8), _DIGITS, 1797,
        about="1,797 real 8×8 images of digits, shipped with scikit-learn; needs no network.",
    ),
    DataSpec(
        "spirals", "Two spirals", "toy", (2,), _TWO,
        about="Two interleaved spirals in the plane: the decision boundary can be drawn.",
    ),
    DataSpec(
        "moons", "Two moons", "toy", (2,), _TWO,
        about="Two interleaved half circles in the plane.",
    ),
    DataSpec(
        "circles", "Two circles", "toy", (2,), _TWO,
        about="A small circle inside a large one.",
    ),
    DataSpec(
        "mnist", "MNIST", "download", (1, 28, 28), _DIGITS, 60_000, 10_000, megabytes=12,
        about="70,000 handwritten digits, 28×28.",
    ),
    DataSpec(
        "fashion-mnist", "Fashion-MNIST", "download", (1, 28, 28), _CLOTHES, 60_000, 10_000,
        megabytes=31, about="70,000 pictures of clothes, 28×28.",
    ),
    DataSpec(
        "cifar10", "CIFAR-10", "download", (3, 32, 32), _CIFAR, 50_000, 10_000, megabytes=170,
        about="60,000 colour photographs in ten classes, 32×32; the paper's data.",
    ),
    DataSpec(
        "folder", "Own images or table", "folder", None,
        about="Any folder, .zip or .tar of class-named folders of images, or a table (.csv, .npz).",
    ),
)  # fmt: skip

DATA: dict[str, DataSpec] = {spec.name: spec for spec in _SPECS}
