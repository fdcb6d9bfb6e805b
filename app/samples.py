"""Pictures of a data set for a form: a sheet of real samples, or the points of a toy set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image

from app.charts.theme import CLASS_COLORS
from proxprop.catalog.data import DATA
from proxprop.config import DataConfig
from proxprop.data.errors import DataError
from proxprop.data.preview import preview
from proxprop.data.toys import toy_source

TILE = 64  # pixels a side of each picture on the sheet
GAP = 6
POINTS = 400  # drawn of a toy set


@dataclass(frozen=True)
class Sheet:
    """A picture of a data set; `image` is PNG bytes or SVG text, None with words that say why."""

    image: bytes | str | None
    words: str


def sample_sheet(data: DataConfig, columns: int = 6, rows: int = 6) -> Sheet:
    """Return a picture of what `data` describes, without loading it for training."""
    if DATA[data.name].kind == "toy":
        return Sheet(_points(data.name, data.samples or 1000, data.noise, data.split_seed), "")
    try:
        pictures = preview(data, columns * rows)
    except DataError as error:
        return Sheet(None, f"{error}.")
    if pictures is None:
        return Sheet(None, "Samples are shown here once the data have been fetched: press Start.")
    raw = tuple(image.tobytes() for _, image in pictures)
    return Sheet(_sheet(raw, pictures[0][1].shape, columns), "")


@lru_cache(maxsize=32)
def _sheet(images: tuple[bytes, ...], shape: tuple[int, ...], columns: int) -> bytes:
    side, rows = TILE + GAP, -(-len(images) // columns)
    sheet = Image.new("RGBA", (columns * side - GAP, rows * side - GAP))
    for index, raw in enumerate(images):
        tile = Image.fromarray(np.frombuffer(raw, np.uint8).reshape(shape))
        # Nearest: a pixel of the data stays a pixel on the page.
        tile = tile.convert("RGB").resize((TILE, TILE), Image.Resampling.NEAREST)
        sheet.paste(tile, (index % columns * side, index // columns * side))
    out = BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


@lru_cache(maxsize=32)
def _points(name: str, samples: int, noise: float, seed: int) -> str:
    source = toy_source(name, samples, noise, seed)
    points, targets = source.inputs[:POINTS], source.targets[:POINTS]
    low, high = points.min(axis=0), points.max(axis=0)
    scale = 380 / (high - low).max()
    center = (low + high) / 2
    dots = "".join(
        f'<circle cx="{200 + (x - center[0]) * scale:.1f}" '
        f'cy="{200 - (y - center[1]) * scale:.1f}" r="4" fill="{CLASS_COLORS[target]}" '
        'fill-opacity="0.85"/>'
        for (x, y), target in zip(points, targets)
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400">{dots}</svg>'
