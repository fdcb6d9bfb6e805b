"""Two-class point sets in the plane, whose decision boundary can be drawn.

Moons and circles have the geometry of scikit-learn's `make_moons` and `make_circles`; they are
generated here because importing scikit-learn takes longer than a lecture's first run.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from proxprop.data.source import Source

Points = NDArray[np.float64]

TURNS = 1.5  # windings of each spiral
INNER = 0.5  # radius of the inner circle relative to the outer one


def toy_source(name: str, samples: int, noise: float, seed: int) -> Source:
    """Return `samples` points of the toy set `name`, half of each class, in random order.

    Args:
        name: "spirals", "moons" or "circles".
        samples: Number of points, ≥ 2.
        noise: Standard deviation of Gaussian noise on both coordinates, ≥ 0.
        seed: Seed of noise and order.
    """
    first = samples - samples // 2
    counts = (first, samples - first)
    shapes = _SHAPES[name]
    points = np.concatenate([shape(np.linspace(0.0, 1.0, n)) for shape, n in zip(shapes, counts)])
    targets = np.repeat(np.arange(2), counts)
    # RandomState, not Generator: its streams are frozen over NumPy's versions.
    random = np.random.RandomState(seed)
    order = random.permutation(samples)
    points = points + random.normal(scale=noise, size=points.shape) if noise > 0 else points
    return Source(points[order].astype(np.float32), targets[order].astype(np.int64), ("A", "B"))


def _spiral(phase: float) -> Callable[[Points], Points]:
    def curve(t: Points) -> Points:
        # The square root spaces points evenly along the arms.
        radius = 0.1 + 1.9 * np.sqrt(t)
        angle = 2 * np.pi * TURNS * np.sqrt(t) + phase
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)

    return curve


def _circle(radius: float) -> Callable[[Points], Points]:
    def curve(t: Points) -> Points:
        angle = 2 * np.pi * t * max(len(t) - 1, 0) / max(len(t), 1)  # the end is not repeated
        return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    return curve


def _upper_moon(t: Points) -> Points:
    return np.stack([np.cos(np.pi * t), np.sin(np.pi * t)], axis=1)


def _lower_moon(t: Points) -> Points:
    return np.stack([1 - np.cos(np.pi * t), 0.5 - np.sin(np.pi * t)], axis=1)


_SHAPES: dict[str, tuple[Callable[[Points], Points], Callable[[Points], Points]]] = {
    "spirals": (_spiral(0.0), _spiral(np.pi)),
    "moons": (_upper_moon, _lower_moon),
    "circles": (_circle(1.0), _circle(INNER)),
}
