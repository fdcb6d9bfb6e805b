"""The recurrence of conjugate gradients, for arrays of torch and of NumPy alike.

It stands once, here, and loads neither library: what it takes from one beyond ``<=`` and ``/`` is
named by the system that it is run on. Training runs it on the systems of `proxprop.core.solvers`;
the dashboard's server, which has no torch, on those of `proxprop.analysis.filters`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

Array = TypeVar("Array")


class CgStep(NamedTuple, Generic[Array]):
    """One CG step. Scalars keep the axis of their system, with length 1.

    Attributes:
        solution: The iterate after the step, in the shape of the right-hand sides.
        squared: ⟨r, r⟩ of the residual before the step.
        curvature: ⟨p, Sp⟩ of the step's direction p.
    """

    solution: Array
    squared: Array
    curvature: Array


class System(Protocol[Array]):
    """A symmetric positive definite operator S and the inner product that CG takes."""

    @property
    def arrays(self) -> Any:
        """The library of the arrays: its ``zeros_like``, ``where`` and ``addcmul`` are used."""

    def squared_norm(self, residual: Array) -> tuple[Array, Array | None]:
        """⟨r, r⟩, and r's image where the inner product takes one."""

    def floor(self, rhs: Array, squared: Array, rtol: float) -> Array:
        """⟨r, r⟩ at which a system counts as solved."""

    def curvature(self, direction: Array, image: Array | None) -> tuple[Array, Array | None]:
        """⟨p, Sp⟩, and p's image for `change`."""

    def change(self, direction: Array, image: Array | None) -> Array:
        """Sp."""


def cg_iterates(
    system: System[Array], rhs: Array, max_steps: int, rtol: float = 0.0
) -> Iterator[CgStep[Array]]:
    """Yield CG's steps from zero on ``S x = rhs``, every system with its own coefficients.

    What only the next step needs is computed when that step is asked for.

    Args:
        system: S and the inner product.
        rhs: Right-hand sides, along the system's axis.
        max_steps: Steps to yield, ≥ 1.
        rtol: A system stops once its residual norm is ≤ max(rtol, rounding unit) · its start.
    """
    arrays = system.arrays
    residual = direction = rhs
    squared, image = system.squared_norm(residual)
    floor = system.floor(rhs, squared, rtol)
    solution = arrays.zeros_like(rhs)
    for step in range(1, max_steps + 1):
        curvature, image = system.curvature(direction, image)
        alpha = _guarded_ratio(arrays, squared, curvature, squared, floor)
        solution = arrays.addcmul(solution, direction, alpha)
        yield CgStep(solution, squared, curvature)
        if step == max_steps:
            return
        residual = arrays.addcmul(residual, system.change(direction, image), alpha, value=-1)
        previous = squared
        squared, image_of_residual = system.squared_norm(residual)
        beta = _guarded_ratio(arrays, squared, previous, previous, floor)
        direction = arrays.addcmul(residual, direction, beta)
        if image is not None and image_of_residual is not None:
            image = arrays.addcmul(image_of_residual, image, beta)


def _guarded_ratio(arrays: Any, numerator: Any, denominator: Any, squared: Any, floor: Any) -> Any:
    """numerator/denominator, and 0 for a system whose squared residual is not above its floor.

    NaN passes through: a non-finite problem must stay visible.
    """
    return arrays.where(squared <= floor, 0.0, numerator / denominator)
