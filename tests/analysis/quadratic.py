"""A two-dimensional quadratic and what each kind of step does on it.

What the picture of the Stability page has to show: `app/web/quadratic_math.js` computes the same.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from proxprop.analysis.filters import (
    Array,
    cg_filter,
    cg_polynomial,
    exact_filter,
    explicit_filter,
    positive,
)


@dataclass(frozen=True)
class Quadratic:
    """``f(x) = ½ xᵀ H x``, minimum at the origin, axes turned by an angle.

    Args:
        eigenvalues: The two eigenvalues of H, > 0.
        angle: Angle of the first eigenvector with the first axis, in radians.
    """

    eigenvalues: tuple[float, float]
    angle: float = 0.0

    def __post_init__(self) -> None:
        for value in self.eigenvalues:
            positive(value, "eigenvalues")
        if not math.isfinite(self.angle):
            raise ValueError(f"angle must be finite, got {self.angle}")

    @property
    def axes(self) -> Array:
        """Eigenvectors as columns."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return np.array([[cos, -sin], [sin, cos]])

    @property
    def matrix(self) -> Array:
        """H."""
        return self.axes @ np.diag(self.eigenvalues) @ self.axes.T

    def __call__(self, points: ArrayLike) -> Array:
        """Return f. Shape: (…, 2) to (…)."""
        along = np.asarray(points, dtype=np.float64) @ self.axes
        return np.asarray(0.5 * (along**2 @ np.array(self.eigenvalues)), dtype=np.float64)

    def explicit(
        self,
        start: ArrayLike,
        step: float,
        steps: int,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
    ) -> Array:
        """Return the iterates of gradient descent, with torch's momentum. Shape: (steps + 1, 2).

        A step far beyond the limit overflows to infinity and NaN: that is its result.
        """
        position = np.array(start, dtype=np.float64) @ self.axes
        velocity, values = np.zeros(2), np.array(self.eigenvalues)
        positive(step, "step")
        path = [position]
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(steps):
                slope = values * position
                velocity = momentum * velocity + slope
                move = slope + momentum * velocity if nesterov else velocity
                position = position - step * move
                path.append(position)
            return np.stack(path) @ self.axes.T

    def implicit(self, start: ArrayLike, tau: float, steps: int) -> Array:
        """Return the iterates of ``x⁺ = argmin f(y) + ‖y − x‖²/(2τ) = (I + τH)⁻¹ x``."""
        along = np.array(start, dtype=np.float64) @ self.axes
        shrink = exact_filter(self.eigenvalues, tau)
        powers = shrink ** np.arange(steps + 1)[:, None]
        return (powers * along) @ self.axes.T

    def conjugate(self, start: ArrayLike, tau: float, cg_steps: int, steps: int) -> Array:
        """Return the iterates when each implicit step is solved by k CG steps from zero only."""
        position = np.array(start, dtype=np.float64) @ self.axes
        values = np.array(self.eigenvalues)
        path = [position]
        for _ in range(steps):
            polynomial = cg_polynomial(values, -values * position, tau, cg_steps)
            position = cg_filter(values, polynomial) * position
            path.append(position)
        return np.stack(path) @ self.axes.T

    def explicit_factor(self, step: float) -> float:
        """Return the largest ``|1 − sλ|``: above 1, explicit steps grow by it in the end."""
        return float(np.abs(explicit_filter(self.eigenvalues, step)).max())

    def implicit_factor(self, tau: float) -> float:
        """Return the largest ``1/(1 + τλ)``, always below 1."""
        return float(exact_filter(self.eigenvalues, tau).max())
