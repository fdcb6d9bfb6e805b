"""The browser's crossing of a target is the library's, on drawn curves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from proxprop.spec.curves import Stat, crossing

pytestmark = pytest.mark.browser


def drawn(generator: np.random.Generator) -> dict[str, Any]:
    """Draw a few seeds that fall or rise, with plateaus, noise, zeros and gaps, and a target."""
    below = bool(generator.integers(2))
    curves = []
    for _ in range(generator.integers(1, 4)):
        count = int(generator.integers(1, 9))
        x = np.cumsum(generator.uniform(0.1, 3.0, count))
        y = np.exp(-generator.uniform(0, 1) * x + 0.3 * generator.standard_normal(count))
        y = np.round(y if below else 1 - y.clip(0, 1), int(generator.integers(1, 9)))
        gone = generator.random(count) < 0.1
        curves.append(
            {"x": x.tolist(), "y": [None if g else float(v) for g, v in zip(gone, y, strict=True)]}
        )
    target = float(np.round(generator.uniform(0.0, 1.0), 2))
    return {"curves": curves, "target": target, "below": below}


def test_it_crosses_where_python_does(modules: Any) -> None:
    cases = [drawn(np.random.default_rng(seed)) for seed in range(500)]
    found = modules.evaluate(
        """async (cases) => {
          const { arrival, crossing } = await import('/web/crossing.js')
          return cases.map(({ curves, target, below }) => ({
            each: curves.map((curve) => crossing(curve, target, below)),
            all: arrival(curves, target, below),
          }))
        }""",
        cases,
    )
    reached = 0
    for case, seen in zip(cases, found, strict=True):
        places = [
            crossing(curve["x"], curve["y"], case["target"], rising=not case["below"])
            for curve in case["curves"]
        ]
        for place, x in zip(places, seen["each"], strict=True):
            assert math.isnan(place) if x is None else x == pytest.approx(place, rel=1e-12)
        over_seeds = Stat.of(places)
        reached += over_seeds.n
        if not over_seeds.n:
            assert seen["all"] is None
        else:
            assert seen["all"]["n"] == over_seeds.n
            assert seen["all"]["x"] == pytest.approx(over_seeds.mean, rel=1e-12)
    assert reached > 200
