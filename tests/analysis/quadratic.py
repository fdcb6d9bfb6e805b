"""A two-dimensional quadratic and what each kind of step does on it.

What the picture of the Stability page has to show: `app/web/quadratic_math.js` computes the same.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


def momentum_roots(
    step_times_eigenvalue: ArrayLike, momentum: float, *, nesterov: bool = False
) -> NDArray[np.complex128]:
    """Return both roots of the recurrence at ``h = ηλ``.

    Args:
        step_times_eigenvalue: h, any shape; a preconditioned λ (of ``P∇²J``) works as well.
        momentum: β in [0, 1).
        nesterov: Nesterov's variant, as ``torch.optim.SGD(nesterov=True)``.

    Returns:
        The roots in a last axis of length two; with β = 0 they are ``1 − h`` and 0.
    """
    h = np.asarray(step_times_eigenvalue, dtype=np.float64)
    if nesterov:
        total, product = (1 + momentum) * (1 - h), momentum * (1 - h)
    else:
        total, product = 1 + momentum - h, np.full_like(h, momentum)
    root = np.sqrt((total**2 - 4 * product).astype(np.complex128))
    # The larger root first, the other from the product: no cancellation between the two.
    sign = np.where(total >= 0, 1.0, -1.0)
    large = (total + sign * root) / 2
    small = np.divide(product, large, out=np.zeros_like(large), where=large != 0)
    return np.stack([large, small], axis=-1)


def momentum_filter(
    step_times_eigenvalue: ArrayLike, momentum: float, *, nesterov: bool = False
) -> Array:
    """Return the asymptotic factor per step, the larger modulus of the two roots."""
    roots = momentum_roots(step_times_eigenvalue, momentum, nesterov=nesterov)
    return np.asarray(np.abs(roots).max(axis=-1), dtype=np.float64)
