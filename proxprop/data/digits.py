"""scikit-learn's handwritten digits, read from the file it ships."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from proxprop.data.errors import DataError
from proxprop.data.source import Source

LEVELS = 16  # grey levels of the original are 0…16


def digits_source() -> Source:
    """Return the 1,797 digits as 1 × 8 × 8 images in 0…255.

    Reads scikit-learn's file without importing scikit-learn, which would take a second.

    Raises:
        DataError: If the file is missing or damaged.
    """
    path = _digits_file()
    try:
        with gzip.open(path, "rt", encoding="ascii") as lines:
            table = np.loadtxt(lines, delimiter=",", dtype=np.float64)
        images = table[:, :64].reshape(-1, 1, 8, 8)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}); reinstall scikit-learn") from error
    return Source(
        np.rint(images * (255 / LEVELS)).astype(np.uint8),
        table[:, 64].astype(np.int64),
        tuple(str(digit) for digit in range(10)),
    )


def _digits_file() -> Path:
    spec = find_spec("sklearn")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            return path
    raise DataError("scikit-learn's digits are not installed; install scikit-learn")
