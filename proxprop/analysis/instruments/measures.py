"""What is measured, in words and symbols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tier = Literal["cheap", "full"]
TOP = 8  # eigenvectors whose energy is told
CG_ITERATIONS = (1, 2, 3, 5, 10)  # after which the residual is told, as far as CG goes


@dataclass(frozen=True)
class Measure:
    """What one measure means.

    Attributes:
        label: Words for a chart's title.
        symbol: The same as a formula.
        tier: Cheapest tier that records it.
        proximal: True if only layers that can take proximal directions have it.
    """

    label: str
    symbol: str
    tier: Tier = "cheap"
    proximal: bool = False


MEASURES: dict[str, Measure] = {
    "update": Measure("relative update", "‖ΔΘ‖ / ‖Θ‖"),
    "norm": Measure("length of the update direction", "‖D‖"),
    "dead": Measure("units without a gradient", "share of columns of Δ that are 0"),
    "cosine": Measure("cosine of direction and gradient", "cos∠(D, G)", proximal=True),
    "overshoot": Measure("implicit step: change left over", "‖Δ − ÃDᵀ‖ / ‖Δ‖", proximal=True),
    "overshoot_explicit": Measure(
        "explicit step with s = τ: change left over", "‖Δ − τÃGᵀ‖ / ‖Δ‖", proximal=True
    ),
    "residual": Measure("residual of the solve", "‖G − D(ÃᵀÃ + I/τ)‖ / ‖G‖", proximal=True),
    "seconds": Measure("time of the solve [s]", "t", proximal=True),
    "lambda_max": Measure("largest eigenvalue of the Gram", "λ_max(ÃᵀÃ)", "full", True),
    "condition": Measure(
        "condition of the system", "(1 + τλ_max) / (1 + τλ_min)", "full", proximal=True
    ),
    "bound": Measure("angle bound of the exact direction", "2√κ / (1 + κ)", "full", True),
    "top_energy": Measure(
        f"energy along the top {TOP} eigenvectors", "Σ ‖uᵢᵀΔ‖² / ‖Δ‖²", "full", True
    ),
    "dual": Measure("route: 1 by samples, 0 by columns", "route", "full", proximal=True),
    **{
        f"residual_{step}": Measure(
            f"residual after {step} CG steps", f"‖r_{step}‖ / ‖r_0‖", "full", True
        )
        for step in CG_ITERATIONS
    },
}
