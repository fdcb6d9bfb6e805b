"""Pictures of a data set for a form: a sheet of real samples, or the points of a toy set."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image

from app.charts.theme import CLASS_COLORS
from proxprop.data.errors import DataError
from proxprop.data.preview import contents, preview
from proxprop.data.toys import toy_source
from proxprop.spec.catalog.data import DATA
from proxprop.spec.config import DataConfig
from proxprop.spec.config.run import TOY_SAMPLES

POINTS = 400  # drawn of a toy set
MOST_POINTS = 20_000  # made to draw them from: a larger set looks the same


@dataclass(frozen=True)
class Sheet:
    """A picture of a data set, as the address of an image that holds its data; or why not.

    Attributes:
        source: A data URI: a file on the server would be gone once a run starts. None without.
        message: What stands in its place.
    """

    source: str | None
    message: str = ""


def sample_sheet(data: DataConfig, columns: int = 6, rows: int = 6) -> Sheet:
    """Return a picture of what `data` describes, without loading it for training."""
    if DATA[data.name].kind == "toy":
        samples = min(data.samples or TOY_SAMPLES, MOST_POINTS)
        return Sheet(_points(data.name, samples, data.noise, data.split_seed))
    try:
        pictures = preview(data, columns * rows)
    except DataError as error:
        return Sheet(None, f"{error}.")
    if pictures is None and DATA[data.name].kind == "folder":
        return Sheet(None, "A table of numbers has no pictures.")
    if pictures is None:
        return Sheet(None, "Samples are shown here once the data have been fetched: press Start.")
    raw = tuple(image.tobytes() for _, image in pictures)
    return Sheet(_sheet(raw, pictures[0][1].shape, columns))


def found_in(data: DataConfig) -> tuple[str, ...]:
    """Return what was found in a person's own folder or table; nothing where it cannot be used."""
    try:
        return contents(data)
    except DataError:  # which is shown beside the path
        return ()


@lru_cache(maxsize=32)
def _sheet(images: tuple[bytes, ...], shape: tuple[int, ...], columns: int) -> str:
    height, width = shape[:2]
    gap, rows = max(1, width // 10), -(-len(images) // columns)
    across, down = width + gap, height + gap
    sheet = Image.new("RGBA", (columns * across - gap, rows * down - gap))
    for index, raw in enumerate(images):
        tile = Image.fromarray(np.frombuffer(raw, np.uint8).reshape(shape)).convert("RGB")
        sheet.paste(tile, (index % columns * across, index // columns * down))
    out = BytesIO()
    sheet.save(out, "PNG")
    return _uri("image/png", out.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"


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
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400">{dots}</svg>'
    return _uri("image/svg+xml", svg.encode())
