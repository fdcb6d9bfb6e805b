"""The browser's quadratic is the library's, at settings drawn at random."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest

from proxprop.analysis.filters import cg_filter, cg_polynomial, exact_filter, explicit_filter
from proxprop.analysis.momentum import step_limit
from tests.analysis.quadratic import Quadratic, momentum_filter

pytestmark = pytest.mark.browser

STEPS = 30
CLOSE = {"rtol": 1e-9, "atol": 1e-12}


def drawn(seed: int) -> dict[str, float]:
    """Draw what a person may set."""
    generator = np.random.default_rng(seed)
    return {
        "s": float(10 ** generator.uniform(-1.7, 1.7)),
        "kappa": float(10 ** generator.uniform(0, 3)),
        "angle": float(generator.uniform(-90, 90)),
        "beta": float(generator.choice([0.0, generator.uniform(0.05, 0.95)])),
        "k": int(generator.integers(1, 3)),  # a third step would be made of rounding alone
        "n": STEPS,
        "x": float(generator.uniform(-2, 2)),
        "y": float(generator.uniform(-2, 2)),
    }


def lines_of(values: dict[str, float]) -> tuple[Quadratic, dict[str, tuple[Any, Any]]]:
    """Return, by the library, the path of each kind of step and its factor over eigenvalues."""
    s, k, beta, start = values["s"], int(values["k"]), values["beta"], (values["x"], values["y"])
    quadratic = Quadratic((1.0, 1.0 / values["kappa"]), math.radians(values["angle"]))
    eigenvalues = np.array(quadratic.eigenvalues)
    polynomial = cg_polynomial(eigenvalues, -eigenvalues * (start @ quadratic.axes), s, k)
    lines = {
        "explicit": (quadratic.explicit(start, s, STEPS), partial(explicit_filter, step=s)),
        "exact": (quadratic.implicit(start, s, STEPS), partial(exact_filter, tau=s)),
        "cg": (quadratic.conjugate(start, s, k, STEPS), lambda v: cg_filter(v, polynomial)),
    }
    if beta:
        path = quadratic.explicit(start, s, STEPS, momentum=beta)
        lines["momentum"] = (path, lambda v: momentum_filter(s * v, beta))
    return quadratic, lines


def test_paths_filters_and_limits_are_the_librarys(modules: Any) -> None:
    settings = [drawn(seed) for seed in range(60)]
    readings = modules.evaluate(
        """async (settings) => {
          const { reading } = await import('/web/quadratic_reading.js')
          return settings.map(reading)
        }""",
        settings,
    )
    for values, shown in zip(settings, readings, strict=True):
        quadratic, lines = lines_of(values)
        assert set(shown["lines"]) == set(lines)
        for kind, (path, factor) in lines.items():
            line = shown["lines"][kind]
            np.testing.assert_allclose(np.array(line["path"], float), path, **CLOSE)
            np.testing.assert_allclose(line["at"], factor(np.array(quadratic.eigenvalues)), **CLOSE)
            np.testing.assert_allclose(line["curve"], factor(np.array(shown["lambda"])), **CLOSE)
        factors = {kind: line["factor"] for kind, line in shown["lines"].items()}
        assert factors["explicit"] == pytest.approx(quadratic.explicit_factor(values["s"]))
        assert factors["exact"] == pytest.approx(quadratic.implicit_factor(values["s"]))
        assert shown["momentumLimit"] == pytest.approx(step_limit(1.0, values["beta"]))
